"""Read which run of MLflow a run folder belongs to."""

from pathlib import Path

from emotalk.files.small_files import parse_json, read_small

IDENTITY = "mlflow.json"  # the run on the server, and how much of `artifacts.jsonl` it has


def read_identity(folder: Path) -> dict[str, str]:
    """Return what is known of the run folder's run in MLflow; empty if it has none.

    `uri`, `key`, `run_id`, `experiment_id`, `artifacts_sent`.
    """
    try:
        known = parse_json(read_small(folder / IDENTITY))
        return {str(name): str(value) for name, value in known.items()}
    except (OSError, ValueError, AttributeError):
        return {}
