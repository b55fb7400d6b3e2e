"""Record what `make test-gpu` has shown on a card: a dated file, and a sentence for documents."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

RECORDS = Path(__file__).parents[1] / "gpu" / "records"
NEVER = "never run on CUDA"


@dataclass(frozen=True)
class Outcome:
    """Hold how a test ended.

    Attributes:
        test: its name.
        outcome: passed, failed or skipped.
        shown: what it shows beyond that, by `record_property`: `preset` and `average`, `zero`,
            `full_size`, `generated_frames_per_s`, or `clips_per_s` and `mfu`, a share or None
            where the card's peak is not known.
    """

    test: str
    outcome: str
    shown: Mapping[str, Any]


@dataclass(frozen=True)
class Record:
    """Hold a run of all tests that need a GPU.

    Attributes:
        finished: when, ISO 8601.
        card: the device's name.
        torch: its version.
        cuda: the version torch was built with.
        outcomes: outcome -> number of tests.
        not_passed: the tests that failed or were skipped.
        presets: preset -> the decays of the running average it was trained with.
        zero: stages of the generator's and the discriminators' engine, e.g. `3+2`.
        clips_per_s: of the paper's width, or None where it was not measured.
        mfu: model FLOP utilisation, likewise.
        full_sizes: preset -> clips_per_s, mfu, data_wait_share and peak_gib of its last stage at
            its own sizes and one process's share of the batch.
        generated_frames_per_s: of the example model, or None where it was not measured.
    """

    finished: str
    card: str
    torch: str
    cuda: str
    outcomes: dict[str, int]
    not_passed: list[str]
    presets: dict[str, list[str]]
    zero: list[str]
    clips_per_s: float | None
    mfu: float | None
    full_sizes: dict[str, dict[str, float | None]] = field(default_factory=dict)
    generated_frames_per_s: float | None = None

    @property
    def passed(self) -> bool:
        """Return whether every test passed but for those that this machine cannot run."""
        return "passed" in self.outcomes and set(self.outcomes) <= {"passed", "skipped"}

    @property
    def sentence(self) -> str:
        """Return the sentence that documents quote."""
        skipped = self.outcomes.get("skipped", 0)
        left_out = f", {skipped} of {sum(self.outcomes.values())} tests skipped" if skipped else ""
        speed = ""
        if self.clips_per_s is not None:
            used = "" if self.mfu is None else f" at {self.mfu:.1%} of its peak"
            speed = f"; a full step of eskimez2021 {self.clips_per_s:.1f} clips/s{used}"
        return (
            f"`make test-gpu` passed on {self.finished[:10]} on one {self.card} (torch "
            f"{self.torch}, CUDA {self.cuda}{left_out}): presets "
            f"{', '.join(sorted(self.presets))}; ZeRO {', '.join(self.zero) or 'none'}{speed}"
        )


def record_of(
    outcomes: Sequence[Outcome], *, card: str, torch: str, cuda: str, finished: datetime
) -> Record:
    """Sum up the outcomes of a run; what failed shows nothing."""
    counts: dict[str, int] = {}
    presets: dict[str, list[str]] = {}
    zero: list[str] = []
    speed: Mapping[str, Any] = {}
    full_sizes: dict[str, dict[str, float | None]] = {}
    generated: float | None = None
    for one in outcomes:
        counts[one.outcome] = counts.get(one.outcome, 0) + 1
        if one.outcome != "passed":
            continue
        if "preset" in one.shown:
            presets.setdefault(one.shown["preset"], []).append(str(one.shown["average"]))
        if "zero" in one.shown:
            zero.append(str(one.shown["zero"]))
        if "clips_per_s" in one.shown:
            speed = one.shown
        if "full_size" in one.shown:
            figures = dict(one.shown["full_size"])
            full_sizes[figures.pop("preset")] = figures
        generated = one.shown.get("generated_frames_per_s", generated)
    return Record(
        finished=finished.isoformat(timespec="seconds"),
        card=card,
        torch=torch,
        cuda=cuda,
        outcomes=counts,
        not_passed=[one.test for one in outcomes if one.outcome != "passed"],
        presets=presets,
        zero=sorted(zero),
        clips_per_s=speed.get("clips_per_s"),
        mfu=speed.get("mfu"),
        full_sizes=full_sizes,
        generated_frames_per_s=generated,
    )


def write_record(record: Record, folder: Path = RECORDS) -> Path:
    """Write the record beside those of other days and cards; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    card = re.sub(r"[^a-z0-9]+", "-", record.card.lower()).strip("-")
    stem, number = f"{record.finished[:10]}-{card}", 1
    path = folder / f"{stem}.json"
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.json"
    path.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
    return path


def read_records(folder: Path = RECORDS) -> list[Record]:
    """Return the records, oldest first."""
    found = [Record(**json.loads(path.read_text("utf-8"))) for path in folder.glob("*.json")]
    return sorted(found, key=lambda record: record.finished)


def wanted_sentence(records: Sequence[Record]) -> str:
    """Return what documents have to say: of the newest run that passed, or that there is none."""
    passed = [record for record in records if record.passed]
    return passed[-1].sentence if passed else NEVER
