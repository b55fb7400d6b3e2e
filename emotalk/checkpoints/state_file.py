"""`state.json` of a checkpoint: counters and positions, typed and bounded before they are used."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emotalk.checkpoints.folder import STATE
from emotalk.checkpoints.save import FORMAT, TrainState
from emotalk.files.small_files import parse_json, read_small
from emotalk.printable import printable

LARGEST = 64 * 2**20  # bytes: a name and a number for each parameter
Count = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Figure = Annotated[float, Field(strict=True)]
Name = Annotated[str, Field(strict=True, max_length=500)]


class StateFile(BaseModel):
    """The content of `state.json`; what older checkpoints lack has the value of a new run."""

    model_config = ConfigDict(extra="forbid")

    step: Count
    clips_seen: Count
    faults: Count
    ema_updates: Count
    sums: dict[Name, tuple[Figure, Count]]
    best: tuple[Figure, Count] | None
    best_of: Name = ""
    shards: Name = ""
    mlflow_run: Name = ""
    validation: dict[Name, Figure] = {}
    optimizer_steps: dict[Name, dict[Name, Count]]


def read_state(checkpoint: Path) -> TrainState:
    """Return where the run stood.

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: it is not of this format, or a value is of another type or size.
    """
    path = checkpoint / STATE
    tree = parse_json(read_small(path, most_bytes=LARGEST))
    if not isinstance(tree, dict) or tree.pop("format", None) != FORMAT:
        raise ValueError(f"{path}: not of format {FORMAT}")
    try:
        found = StateFile.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = printable(".".join(map(str, first["loc"])))
        more = f" (and {error.error_count() - 1} more faults)" if error.error_count() > 1 else ""
        raise ValueError(f"{path}: {place}: {first['msg']}{more}") from None
    return TrainState(**found.model_dump())
