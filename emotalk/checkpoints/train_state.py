"""Define the progress of a training run, and read and write it as a checkpoint's `state.json`."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Final

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config

from emotalk.checkpoints.folder import STATE
from emotalk.files.small_files import parse_json, read_small
from emotalk.printable import printable

FORMAT: Final = "emotalk-checkpoint/1"
LARGEST = 64 * 2**20  # bytes: a name and a number for each parameter
ADDED_LATER = {"best_of", "shards", "mlflow_run", "validation"}  # absent from older checkpoints
Count = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Figure = Annotated[float, Field(strict=True)]
Name = Annotated[str, Field(strict=True, max_length=500)]


@with_config(ConfigDict(extra="forbid"))
@dataclass
class TrainState:
    """Progress of a run, besides its weights."""

    step: Count = 0  # number of completed steps, which is the number of the next one
    clips_seen: Count = 0  # number of valid clips seen
    faults: Count = 0  # number of clips that could not be read and were masked
    ema_updates: Count = 0  # updates of the running average
    # logged terms since the last log line: name -> (sum, count)
    sums: dict[Name, tuple[Figure, Count]] = field(default_factory=dict)
    best: tuple[Figure, Count] | None = None  # best value of the watched metric and its step
    best_of: Name = ""  # how `best` was measured: metric, clips, frames; empty in older checkpoints
    shards: Name = ""  # digest of the shard set; empty in older checkpoints
    mlflow_run: Name = ""  # id of the run in MLflow
    # figures of the last validation, and its `step`
    validation: dict[Name, Figure] = field(default_factory=dict)
    # engine -> parameter name -> number of Adam steps
    optimizer_steps: dict[Name, dict[Name, Count]] = field(default_factory=dict)


def write_state(state: TrainState, checkpoint: Path) -> None:
    """Write `state.json` into a checkpoint folder."""
    text = json.dumps({"format": FORMAT, **asdict(state)}, indent=1)
    (checkpoint / STATE).write_text(text + "\n", encoding="utf-8")


def read_state(checkpoint: Path) -> TrainState:
    """Return the state of a checkpoint.

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: it is not of this format, or a value is of another type or size.
    """
    path = checkpoint / STATE
    tree = parse_json(read_small(path, max_bytes=LARGEST))
    if not isinstance(tree, dict) or tree.pop("format", None) != FORMAT:
        raise ValueError(f"{path}: not of format {FORMAT}")
    if missing := {known.name for known in fields(TrainState)} - ADDED_LATER - tree.keys():
        raise ValueError(f"{path}: {', '.join(sorted(missing))} missing")
    try:
        return TypeAdapter(TrainState).validate_python(tree)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = printable(".".join(map(str, first["loc"])))
        more = f" (and {error.error_count() - 1} more faults)" if error.error_count() > 1 else ""
        raise ValueError(f"{path}: {place}: {first['msg']}{more}") from None
