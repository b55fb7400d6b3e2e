"""Find what is finished in an output folder."""

import json
import re
from pathlib import Path
from typing import Any

from emotalk.errors import WrongUse
from emotalk.schema import SPLITS

OURS = ("manifest.json", "rejected.jsonl", ".work")
SHARD_FILE = re.compile(rf"({'|'.join(SPLITS)})-\d{{6}}\.(tar|index\.json)")


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
    names = [path.name for path in _entries(output)]
    begun = OURS[-1] in names
    strangers = sorted(n for n in names if n not in OURS and not (begun and is_shard_file(n)))
    if strangers:
        some = ", ".join(strangers[:3]) + (" ..." if strangers[3:] else "")
        raise WrongUse(
            f"output: {output} holds {some} and no shard set; nothing is overwritten. "
            "Choose an empty or new folder"
        )
    return None


def is_shard_file(name: str) -> bool:
    """Return whether a tar or an index of ours has such a name."""
    return SHARD_FILE.fullmatch(name) is not None


def _entries(output: Path) -> list[Path]:
    try:
        return list(output.iterdir()) if output.is_dir() else []
    except OSError as error:
        raise WrongUse(f"output: cannot read {output}: {error.strerror}") from None
