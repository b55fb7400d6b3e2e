"""Make corpora of empty files, and the settings to list them."""

from pathlib import Path

from emotalk.config.etl import EtlConfig


def config(corpus: str, source: Path, **more: object) -> EtlConfig:
    """Return the settings of a corpus."""
    tree = {"corpus": corpus, "source": str(source), "output": "out", **more}
    return EtlConfig.model_validate(tree)


def touch(root: Path, *names: str) -> Path:
    """Write files of one byte; return their folder."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root
