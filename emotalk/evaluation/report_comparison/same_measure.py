"""Check that two reports measured the same clips by the same models and settings."""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from emotalk.counted import counted
from emotalk.errors import WrongUse
from emotalk.evaluation.closure_limit import OF_THE_SET
from emotalk.evaluation.report import Report
from emotalk.printable import printable, quoted

MAY_DIFFER = frozenset(
    {
        "as_reported", "clips", "drift_seconds", "ema", "noise_clips", "noise_db", "noise_kind",
        "seed",
    }
)  # fmt: skip
"""Settings that choose clips, weights or further parts of the report, and that measure no clip
otherwise."""

SAME = 1e-3  # relative; devices and thread counts change less
SHOWN = 4
FOLDER = re.compile(r"\(.*[/\\]")  # before the name of a model's file
MOST_CLIPS = 20_000  # the bootstrap of one actor's clips needs 32 kB a clip


def refuse_other_measures(a: Report, b: Report) -> None:
    """Refuse two reports whose figures do not mean the same.

    Raises:
        WrongUse: names what differs: shard set, true files, models or settings.
    """
    found = [*_differences(a, b)]
    if found:
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise WrongUse(
            f"compare: the two reports do not measure alike: {'; '.join(found[:SHOWN])}{more}; "
            "evaluate both on the same clips by the same models and settings"
        )


def shared_clips(a: Report, b: Report) -> list[str]:
    """Return the keys of the clips that both reports have.

    Raises:
        WrongUse: there are none or too many, or a clip is another person's or of other true frames.
    """
    shared = sorted(a.per_clip.keys() & b.per_clip.keys())
    if not shared:
        raise WrongUse(
            f"compare: no clip is in both reports (A: {_some(a.per_clip)}; B: "
            f"{_some(b.per_clip)}); evaluate both on the same clips"
        )
    if len(shared) > MOST_CLIPS:
        raise WrongUse(f"compare: {len(shared)} clips are in both, at most {MOST_CLIPS}; part them")
    for key in shared:
        for report in (a, b):
            if "generated" not in report.per_clip[key]:
                raise WrongUse(f"compare: clip {printable(key)} has no generated row; {DAMAGED}")
        if actor_of(a, key) != actor_of(b, key):
            raise WrongUse(
                f"compare: clip {printable(key)} is of {quoted(actor_of(a, key))} in A and of "
                f"{quoted(actor_of(b, key))} in B; evaluate both on the same clips"
            )
        _refuse_other_truth(a, b, key)
    return shared


DAMAGED = "the report is damaged: evaluate again"


def actor_of(report: Report, key: str) -> str:
    """Return the actor of a clip.

    Raises:
        WrongUse: the report does not say.
    """
    actor = report.per_clip[key].get("clip", {}).get("actor")
    if not isinstance(actor, str):
        raise WrongUse(f"compare: clip {printable(key)} has no actor; {DAMAGED}")
    return actor


def _differences(a: Report, b: Report) -> Iterator[str]:
    kinds = ["pairs" if "true_files" in report.inputs else "shards" for report in (a, b)]
    if kinds[0] != kinds[1]:
        yield f"A is of {kinds[0]}, B of {kinds[1]}"
        return
    if a.inputs.get("manifest_sha256") != b.inputs.get("manifest_sha256"):
        yield "the shard sets (their manifests' hashes)"
    yield from _other_true_files(a, b)
    for task in sorted(a.judges.keys() | b.judges.keys()):
        models = [_model(report.judges.get(task, "none")) for report in (a, b)]
        if models[0] != models[1]:
            yield f"the model of {printable(task)}: {models[0]} in A, {models[1]} in B"
    if a.condition != b.condition:
        yield f"condition: {printable(a.condition)} in A, {printable(b.condition)} in B"
    mine, others = (_flat(report.inputs.get("config")) for report in (a, b))
    for name in sorted(mine.keys() | others.keys()):
        if name.split(".")[0] in MAY_DIFFER or mine.get(name) == others.get(name):
            continue
        yield f"{printable(name)}: {quoted(mine.get(name))} in A, {quoted(others.get(name))} in B"


def _other_true_files(a: Report, b: Report) -> Iterator[str]:
    mine, others = (report.inputs.get("true_files") for report in (a, b))
    if not isinstance(mine, dict) or not isinstance(others, dict):
        return
    other = sorted(key for key in mine.keys() & others.keys() if mine[key] != others[key])
    if other:
        yield f"the true files of {counted(len(other), 'clip')}, e.g. {printable(other[0])}"


def _model(text: str) -> str:
    """Return a model's description without what it reached on these clips, and without folders.

    The settings hold a hash of what is in the files.
    """
    return printable(FOLDER.sub("(", text.partition(";")[0]))


def _flat(tree: Any, prefix: str = "", depth: int = 8) -> dict[str, Any]:
    """Return dotted name -> value of the settings."""
    if not isinstance(tree, dict) or depth == 0:
        return {prefix: tree} if prefix else {}
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= _flat(value, f"{prefix}.{name}" if prefix else str(name), depth - 1)
    return flat


def _refuse_other_truth(a: Report, b: Report, key: str) -> None:
    """Refuse a clip whose true video has other figures in the other report."""
    mine, others = (report.per_clip[key].get("truth", {}) for report in (a, b))
    for name in (mine.keys() & others.keys()) - OF_THE_SET:
        first, second = mine[name], others[name]
        if not isinstance(first, float) or not isinstance(second, float):
            continue
        if not math.isclose(first, second, rel_tol=SAME, abs_tol=SAME):
            raise WrongUse(
                f"compare: {printable(name)} of the true clip {printable(key)} is {first:g} in A "
                f"and {second:g} in B, so the versions measure differently: evaluate again"
            )


def _some(keys: Any) -> str:
    names: Sequence[str] = sorted(keys)[:2]
    return printable(", ".join(names)) if names else "none"
