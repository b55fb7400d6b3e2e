"""Name the model, the clips, the date, the seed and the judges of an evaluation."""

from collections.abc import Sequence
from typing import Any

from emotalk.counted import counted
from emotalk.evaluation.report import Report
from emotalk.evaluation.report_block import Block, Bullets, Content
from emotalk.evaluation.report_blocks.left_out import BLOCK as LEFT_OUT_BLOCK
from emotalk.printable import printable

LONGEST = 70  # characters of a path; `report.json` holds all of it
SHOWN_ACTORS = 8
SHOWN_HASH = 16


def _content(report: Report) -> Sequence[Content]:
    facts = [*report.about.items(), *_clips(report), *_run(report)]
    facts += [(f"judge of {task}", name) for task, name in report.judges.items()]
    return [Bullets([f"{word}: {what}" for word, what in facts])]


def _clips(report: Report) -> list[tuple[str, str]]:
    actors = ", ".join(report.actors[:SHOWN_ACTORS])
    more = len(report.actors) - SHOWN_ACTORS
    settings = report.inputs.get("config", {})
    split = settings.get("split") if isinstance(settings, dict) else None
    of = f" of split {split}" if split else ""
    left_out = [("left out", f"{len(report.left_out)}, named under “{LEFT_OUT_BLOCK.title}”")]
    return [
        ("clips", f"{report.clips}{of}, of {counted(len(report.actors), 'actor')} ({actors}"
                  f"{f' and {more} more' if more > 0 else ''})"),
        *(left_out if report.left_out else []),
        ("condition image", report.condition.replace("_", " ")),
    ]  # fmt: skip


def _run(report: Report) -> list[tuple[str, str]]:
    settings = report.inputs.get("config", {})
    seed = settings.get("seed") if isinstance(settings, dict) else None
    shown: list[tuple[str, Any]] = [
        ("checkpoint", report.where.get("checkpoint")),
        ("shards", report.where.get("shards")),
        ("pairs", report.where.get("pairs")),
        ("sha256 of the weights", _hash(report.inputs.get("weights_sha256"))),
        ("sha256 of the manifest", _hash(report.inputs.get("manifest_sha256"))),
        ("sha256 of the list of frames", _hash(report.inputs.get("frames_sha256"))),
        ("finished", report.where.get("finished")),
        ("seconds", report.where.get("seconds")),
        ("seed", seed),
    ]
    return [(word, printable(str(value), longest=LONGEST)) for word, value in shown
            if value is not None]  # fmt: skip


def _hash(value: object) -> str | None:
    """Return the first characters of a hash, or of several by their names."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_hash(one)}" for name, one in value.items())
    return value[:SHOWN_HASH] if isinstance(value, str) else None


BLOCK = Block(10, "What was evaluated", _content)
