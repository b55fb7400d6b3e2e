"""Read the facts about a training that an export reports, with checked types and sizes."""

import sys
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emotalk.checkpoints.folder import STATE
from emotalk.errors import WrongUse
from emotalk.files.checksums import check_sums
from emotalk.files.small_files import parse_json, read_small
from emotalk.printable import is_printable, printable

METRICS, MLFLOW = "metrics.jsonl", "mlflow.json"
LARGEST = 64 * 2**20
LONGEST_LINE = 2**20
VALIDATION = "validation/"
Count = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Text = Annotated[str, Field(max_length=2000)]


class _Facts(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class StateFacts(_Facts):
    """Facts of `state.json` that an export reports."""

    step: Count | None = None
    clips_seen: Count | None = None
    mlflow_run: Text = ""
    validation: dict[Text, float] = {}


class MlflowFacts(_Facts):
    """MLflow server and run of a training."""

    uri: Text = ""
    run_id: Text = ""


Facts = TypeVar("Facts", bound=_Facts)


def read_state_facts(checkpoint: Path) -> StateFacts:
    """Return the facts of the checkpoint's `state.json`; empty ones if there is no such file.

    Raises:
        WrongUse: it is not as `SHA256SUMS` says, not JSON, or a value is of another type.
    """
    if not (checkpoint / STATE).exists():
        return StateFacts()
    try:
        check_sums(checkpoint, (STATE,))
    except (OSError, ValueError) as error:
        raise WrongUse(f"{checkpoint / STATE}: {error}; take the checkpoint before it") from None
    return _read(StateFacts, checkpoint / STATE)


def read_mlflow_facts(run_dir: Path | None) -> MlflowFacts:
    """Return the MLflow run of a training; empty facts if it did not use MLflow.

    Raises:
        WrongUse: the file is not JSON, or a value is of another type.
    """
    if run_dir is None or not (run_dir / MLFLOW).exists():
        return MlflowFacts()
    return _read(MlflowFacts, run_dir / MLFLOW)


def last_validation(run_dir: Path | None, step: int | None) -> dict[str, float]:
    """Return the last validation figures of `metrics.jsonl` up to `step`, and their `step`.

    They are for older checkpoints, which hold no figures. Invalid lines are skipped.
    """
    if run_dir is None or step is None or not (run_dir / METRICS).is_file():
        return {}
    last: dict[str, float] = {}
    with (run_dir / METRICS).open("rb") as lines:
        while text := lines.readline(LONGEST_LINE):
            figures = _figures(text)
            if len(figures) > 1 and figures["step"] <= step:
                last = figures
    return last


def _figures(text: bytes) -> dict[str, float]:
    """Return the step and the validation figures of a line; empty if it has none."""
    try:
        line = parse_json(text)
    except ValueError:
        return {}
    if not isinstance(line, dict) or not _is_number(line.get("step")):
        return {}
    figures = {
        name: float(value)
        for name, value in line.items()
        if name.startswith(VALIDATION) and is_printable(name) and _is_number(value)
    }
    return {"step": float(line["step"]), **figures}


def _is_number(value: Any) -> bool:
    """Return whether a value is a number that a float can hold, NaN included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max or value != value  # noqa: PLR0124


def _read(model: type[Facts], path: Path) -> Facts:
    try:
        return model.model_validate(parse_json(read_small(path, max_bytes=LARGEST)))
    except OSError as error:
        raise WrongUse(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = printable(".".join(map(str, first["loc"]))) or "(whole file)"
        raise WrongUse(f"{path}: {place}: {first['msg']}; take the checkpoint before it") from None
    except ValueError as error:
        raise WrongUse(f"{path}: {error}; take the checkpoint before it") from None
