"""Make reports of given figures, without any video."""

from collections.abc import Mapping, Sequence
from typing import Any

from emotalk.evaluation.report import Report

Rows = dict[str, dict[str, float | str | None]]

INPUTS: dict[str, Any] = {
    "weights_sha256": "a" * 64,
    "manifest_sha256": "b" * 64,
    "config": {"landmarks": "insightface", "finder": {"pack": "faces68"}, "seed": 0, "clips": 0},
}
JUDGES = {"landmarks, NLMD, mouth opening": "insightface (pack faces68); 0.4 px"}


def made_report(
    generated: Mapping[str, Mapping[str, float | None]],
    *,
    truth: Mapping[str, Mapping[str, float | None]] | None = None,
    actors: Sequence[str] = (),
    **more: Any,
) -> Report:
    """Return a report.

    Args:
        generated: key of a clip -> quantity -> value of the generated row.
        truth: the same of the true row.
        actors: of the clips in their order; default: another one for each.
        more: fields in place of plain ones.
    """
    names = actors or [f"actor{number}" for number in range(len(generated))]
    per_clip: dict[str, Rows] = {
        key: {"clip": {"actor": actor, "emotion": None, "intensity": None}, "generated": {**rows}}
        for (key, rows), actor in zip(generated.items(), names, strict=True)
    }
    for key, rows in (truth or {}).items():
        per_clip[key]["truth"] = {**rows}
    tree: dict[str, Any] = {
        "inputs": INPUTS,
        "where": {},
        "judges": JUDGES,
        "clips": len(per_clip),
        "actors": tuple(sorted({*names})),
        "condition": "first_frame",
        "figures": {},
        "emotion": None,
        "as_reported": None,
        "left_out": {},
        "caveats": (),
        "per_clip": per_clip,
    }
    return Report.model_validate(tree | more)
