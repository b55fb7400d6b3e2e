"""Describe the inputs of an evaluation of pairs, and write the notes that its reader needs."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from emotalk.config.evaluate_pairs import PairsConfig
from emotalk.evaluation.caveats import DRAWN_ONLY, LANDMARK_MEASURES, MEASURES
from emotalk.evaluation.intervals import FEW_ACTORS, describe_intervals
from emotalk.evaluation.pairs.listing import UNKNOWN_ACTOR, Pair
from emotalk.evaluation.results import ClipResults
from emotalk.evaluation.undefined import short_and_silent
from emotalk.files.checksums import file_sha256

IRRELEVANT = {"pairs", "output", "videos", "tracking"}
UNREADABLE = "unreadable"  # in place of a hash
ALIGNED = {
    "auto": "Each video is cut to the face by its own first frame, or as the true one where the "
    "faces lie in the same place.",
    "own": "Each video is cut to the face by its own first frame.",
    "true": "Both videos are cut to the face by the true one's first frame.",
    "none": "The videos are aligned crops already.",
}


def describe_pairs(config: PairsConfig, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return the inputs of the figures: settings, and hashes of every file.

    `true_files` names the true files, so that reports of two systems can be compared.
    """
    true = {pair.key: _hash(pair, "true") for pair in pairs}
    generated = {pair.key: _hash(pair, "generated") for pair in pairs}
    labels = [(pair.key, pair.actor, pair.emotion, pair.text) for pair in pairs]
    settings = config.model_dump(mode="json", exclude=IRRELEVANT)
    settings["finder"].pop("root")
    return {
        "generated_sha256": _digest(sorted(generated.items())),
        "pairs_sha256": _digest(labels),
        "true_files": true,
        "config": settings,
    }


def pair_caveats(
    config: PairsConfig, results: Sequence[ClipResults], notes: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """Return the caveats of a report on pairs, one sentence or two each.

    `notes` holds key -> what differs between the two files of a pair.
    """
    actors = {clip.actor for clip in results}
    lines = [
        *MEASURES,
        *LANDMARK_MEASURES,
        f"The generated videos were made elsewhere: what they were made from is not known. "
        f"{ALIGNED[config.align]}",
        "The first true frame, repeated, is the row of the still.",
        "Sync of the generated row is measured with the sound of the generated file, and with the "
        "true file's where it has none.",
    ]
    if config.landmarks == "judge":
        lines += [
            DRAWN_ONLY,
            "Nothing tells whether these are drawn: crops bring no landmarks to test a model on.",
        ]
    lines += short_and_silent(results)
    if UNKNOWN_ACTOR in actors:
        lines.append(
            "Actors are not known: all clips without one count as one person. Name them in "
            "pairs.csv, or in folders: generated/ACTOR/NAME.mp4."
        )
    if any(clip.emotion is not None for clip in results):
        lines.append("Emotions of pairs are not judged.")
    if len(actors) <= FEW_ACTORS:
        lines.append(describe_intervals(clips=len(results), actors=len(actors)))
    differing = sum(bool(notes.get(clip.key)) for clip in results)
    if differing:
        lines.append(
            f"{differing} of {len(results)} pairs differ in length, rate, sound, place of the face "
            "or the time of the mouth; they are listed."
        )
    return tuple(lines)


def _hash(pair: Pair, side: str) -> str:
    path = pair.true if side == "true" else pair.generated
    try:
        return file_sha256(path) if path.is_file() else UNREADABLE
    except OSError:
        return UNREADABLE


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode("utf-8", "backslashreplace")).hexdigest()
