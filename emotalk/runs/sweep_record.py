"""Write and read `sweep.json`, which says what a sweep's folder holds."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emotalk.errors import WrongUse
from emotalk.files.atomic_write import atomic_write_text
from emotalk.files.small_files import UnfitFile, parse_json, read_small
from emotalk.runs.sweep_values import SweepRun

NAME = "sweep.json"
LARGEST = 16 * 2**20  # bytes


@dataclass(frozen=True)
class SweepRecord:
    """Hold the runs of a sweep.

    Attributes:
        runs: in the order of the array's numbers.
        values: as they were given.
        goal: `max:METRIC` or `min:METRIC`.
        uri: of MLflow, without secrets; empty: nothing is sent.
        experiment: in MLflow.
    """

    runs: Sequence[SweepRun]
    values: Sequence[str]
    goal: str
    uri: str
    experiment: str

    def params(self) -> dict[str, str]:
        """Return what varies: key -> its values, `file` -> files of runs."""
        pairs = [word.partition("=") for word in self.values]
        files = ", ".join(key for key, equals, _ in pairs if not equals)
        keys = {key: values for key, equals, values in pairs if equals}
        return {"goal": self.goal, **keys, **({"file": files} if files else {})}


def write_record(folder: Path, record: SweepRecord) -> None:
    """Write a sweep down; the same sweep again, or one with more runs behind, replaces it.

    Raises:
        WrongUse: the folder holds another sweep, or something else.
    """
    if (folder / NAME).exists():
        known = read_record(folder).runs
        fewer = min(len(known), len(record.runs))
        if list(known[:fewer]) != list(record.runs[:fewer]):
            raise WrongUse(
                f"{folder / NAME} is of another sweep ({known[0].name}, ...); give another "
                "run_dir, or its values in their order and new ones behind them"
            )
        if len(known) > len(record.runs):
            return
    elif folder.exists() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise WrongUse(f"run_dir={folder} holds files and no sweep; give a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write_text(folder / NAME, json.dumps(asdict(record), indent=1) + "\n")


def read_record(folder: Path) -> SweepRecord:
    """Return the sweep that a folder holds.

    Raises:
        WrongUse: it holds none that can be read.
    """
    path = folder / NAME
    try:
        tree = parse_json(read_small(path, max_bytes=LARGEST))
        runs = [SweepRun(_plain_name(run["name"]), _texts(run["words"])) for run in tree["runs"]]
        if not runs:
            raise ValueError("no runs")
        texts = _texts([tree["goal"], tree["uri"], tree["experiment"]])
        return SweepRecord(runs, _texts(tree["values"]), *texts)
    except FileNotFoundError:
        raise WrongUse(f"{path}: no such file; give the run_dir of slurm/sweep.sbatch") from None
    except (OSError, UnfitFile, ValueError, KeyError, TypeError) as error:
        raise WrongUse(f"{path}: {error!r}; it is no record of a sweep") from None


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("not a list of texts")
    return tuple(values)


def _plain_name(name: Any) -> str:
    """Return the name of a folder, which leads nowhere else."""
    if not isinstance(name, str) or not name or Path(name).name != name or name[0] == ".":
        raise ValueError(f"{name!r} is no name of a folder")
    return name
