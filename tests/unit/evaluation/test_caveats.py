"""The caveats say what was done with these clips, and nothing of what was not."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from emotalk.config.evaluate import EvaluateConfig
from emotalk.evaluation import caveats as module
from emotalk.evaluation.caveats import caveats
from emotalk.evaluation.results import ClipResults

BOTH: dict[str, dict[str, float]] = {"generated": {}, "other_speech": {}}
NEUTRAL_STILL = "Emotions are classified in videos generated from the actor's neutral still."
DRAWN_ONLY = "The shipped models know drawn faces only; on photographs they are invalid."
NONE_MISSED = "The shipped landmark model finds a face in every frame: none is missed."


def clips_of(*actors: str, rows: dict[str, dict[str, float]] | None = None) -> list[ClipResults]:
    return [
        ClipResults(
            key=f"{actor}{number}",
            actor=actor,
            emotion="anger",
            intensity=None,
            rows=BOTH if rows is None else rows,
            openings={},
            voiced_T=np.ones(1, np.bool_),
            predictions=None,
            as_reported={},
        )
        for number, actor in enumerate(actors)
    ]


def lines(clips: list[ClipResults], **more: Any) -> tuple[str, ...]:
    tree = {"checkpoint": "run", "shards": "set", "output": "out", **more}
    return caveats(EvaluateConfig.model_validate(tree), clips)


@pytest.mark.parametrize(
    ("landmarks", "emotion", "expected"),
    [
        ("judge", "judge", {NEUTRAL_STILL, DRAWN_ONLY, NONE_MISSED}),
        ("judge", "none", {DRAWN_ONLY, NONE_MISSED}),
        ("insightface", "judge", {NEUTRAL_STILL, DRAWN_ONLY}),
        ("insightface", "none", set()),
    ],
)
def test_models_of_drawn_faces_are_named_where_they_measured(
    landmarks: str, emotion: str, expected: set[str]
) -> None:
    said = lines(clips_of("a", "b"), landmarks=landmarks, emotion=emotion)
    assert {NEUTRAL_STILL, DRAWN_ONLY, NONE_MISSED} & set(said) == expected


@pytest.mark.parametrize(
    ("actors", "said"),
    [
        ("a", "no width"),
        ("aa", "say nothing of other people"),
        ("ab", "With 2 actors they mean little"),
        ("abcd", "With 4 actors they mean little"),
        ("abcde", None),
    ],
)
def test_few_actors_are_said_to_be_few(actors: str, said: str | None) -> None:
    found = [line for line in lines(clips_of(*actors)) if "interval" in line]
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_clips_whose_sounds_are_not_known_are_counted_or_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "aligner_installed", lambda: True)
    clips = [*clips_of("a", "b"), replace(clips_of("c")[0], phones=())]
    (said,) = [line for line in lines(clips) if "P, B" in line]
    assert "2 of 3 clips" in said
    assert not [line for line in lines(clips[2:]) if "P, B" in line]
    monkeypatch.setattr(module, "aligner_installed", lambda: False)
    (said,) = [line for line in lines(clips) if "P, B" in line]
    assert "pip install 'emotalk[closure]'" in said


def test_clips_without_another_sentence_are_counted() -> None:
    clips = [*clips_of("a", "b"), *clips_of("c", rows={"generated": {}})]
    (said,) = [line for line in lines(clips) if "no row for other speech" in line]
    assert said.startswith("1 of 3 clips")
    assert not any("no row for other speech" in line for line in lines(clips_of("a", "b")))


def test_mouths_that_are_not_measured_are_why_no_other_speech_is_compared() -> None:
    """The clips may well have other sentences beside them."""
    found = lines(clips_of("a", rows={"generated": {}}), landmarks="none", other_speech="curve")
    (said,) = [line for line in found if "other speech" in line]
    assert said.startswith("No row for other speech: other_speech=curve compares mouths")


def test_clips_of_unknown_emotion_are_counted() -> None:
    clips = clips_of("a", "b", "c")
    clips[1] = replace(clips[1], emotion=None)
    (said,) = [line for line in lines(clips) if "unknown" in line]
    assert said.startswith("The emotion of 1 of 3 clips is unknown: they are generated as neutral")
    assert not any("unknown" in line for line in lines(clips_of("a", "b")))


@pytest.mark.parametrize(("missed", "said"), [(0, False), (1, True), (2, False)])
def test_true_clips_without_a_face_are_counted(missed: int, *, said: bool) -> None:
    clips = [
        replace(clip, openings={"truth": np.full(3, np.nan if number < missed else 0.1)})
        for number, clip in enumerate(clips_of("a", "b"))
    ]
    found = [line for line in lines(clips) if "finds no face" in line]
    assert found == (["In 1 of 2 true clips the landmark model finds no face: their figures of "
                      "landmarks and lips are undefined."] if said else [])  # fmt: skip
