"""What is in an output folder already."""

import json
from pathlib import Path
from typing import Any

from emotalk.errors import WrongUse

OURS = ("manifest.json", "rejected.jsonl", ".work")


def finished_manifest(output: Path) -> dict[str, Any] | None:
    """Return the manifest of a finished shard set, or None where there is none yet.

    Raises:
        WrongUse: the manifest is broken, or the folder holds files that no shard set has.
    """
    manifest = output / "manifest.json"
    if manifest.is_file():
        try:
            tree: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
        except ValueError as error:
            raise WrongUse(f"output: {manifest} is broken ({error}); choose another") from None
        return tree
    strangers = sorted(path.name for path in _entries(output) if not _is_ours(path))
    if strangers:
        some = ", ".join(strangers[:3]) + (" ..." if strangers[3:] else "")
        raise WrongUse(
            f"output: {output} holds {some} and no shard set; nothing is overwritten. "
            "Choose an empty or new folder"
        )
    return None


def _entries(output: Path) -> list[Path]:
    try:
        return list(output.iterdir()) if output.is_dir() else []
    except OSError as error:
        raise WrongUse(f"output: cannot read {output}: {error.strerror}") from None


def _is_ours(path: Path) -> bool:
    name = path.name
    return name in OURS or name.endswith((".tar", ".index.json", ".part"))
