"""What a model knows is computed from the facts that it was saved with."""

import json
from pathlib import Path

import pytest

from emotalk.checkpoints.format import (
    DESCRIPTION,
    DataFacts,
    ModelFacts,
    SetFacts,
    read_description,
    write_model,
)
from emotalk.checkpoints.knowledge import what_it_knows
from emotalk.schema import EMOTIONS
from tests.helpers.tiny_model import TINY, tiny_facts, tiny_generator


def knowing(
    corpus: str = "crema_d",
    landmarks: str = "insightface",
    *,
    clips: int = 9,
    actors: int = 3,
    unlabelled: int = 0,
    emotions: tuple[str, ...] | None = EMOTIONS,
    sets: tuple[SetFacts, ...] = (),
) -> ModelFacts:
    data = DataFacts(
        manifest_sha256="ab", corpus=corpus, landmarks=landmarks, clips=clips, actors=actors,
        unlabelled=unlabelled, emotions=emotions, sets=sets,
    )  # fmt: skip
    return tiny_facts().model_copy(update={"data": data})


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (knowing(landmarks="sidecar"), "drawn faces only (9 clips of 3 drawn people)"),
        (knowing("mead", "sidecar"), "drawn faces only (9 clips of 3 drawn people)"),
        (knowing("folder", "onnx", actors=1), "one person (9 clips)"),
        (knowing("folder", "sidecar", actors=1), "one person (9 clips)"),
        (knowing("folder", "onnx"), "a corpus: a folder of clips (9 clips of 3 people)"),
        (knowing("crema_d + mead"), "a corpus: CREMA-D + MEAD (9 clips of 3 people)"),
        (knowing(clips=0, actors=0), "a corpus: CREMA-D (how many clips was not recorded)"),
        (knowing("unknown", "unknown"), "faces that were not recorded"),
        (tiny_facts(), "faces that were not recorded"),
    ],
)
def test_the_faces_are_drawn_or_one_persons_or_of_a_corpus(facts: ModelFacts, line: str) -> None:
    assert str(what_it_knows(facts)).partition(";")[0] == line


def test_several_sets_are_drawn_only_if_each_is() -> None:
    def part(name: str, landmarks: str) -> SetFacts:
        return SetFacts(
            name=name, manifest_sha256="a", corpus="crema_d", landmarks=landmarks, clips=4, actors=2
        )

    drawn, real = part("a", "sidecar"), part("b", "onnx")
    assert what_it_knows(knowing(landmarks="sidecar", sets=(drawn, drawn))).faces == "drawn"
    mixed = knowing(landmarks="sidecar + onnx", sets=(drawn, real))
    assert what_it_knows(mixed).faces == "a corpus"


@pytest.mark.parametrize(
    ("facts", "never", "words"),
    [
        (knowing(), (), "emotions: anger, disgust, fear, happiness, neutral, sadness"),
        (
            knowing(emotions=("anger", "neutral")),
            ("disgust", "fear", "happiness", "sadness"),
            "emotions: anger, neutral; never learnt: disgust, fear, happiness, sadness",
        ),
        # not asked of the model, so not its knowledge
        (knowing(emotions=(*EMOTIONS, "surprise")), (), "emotions: anger, disgust, fear, "),
        (knowing(emotions=None), (), "emotions: which it learnt was not recorded"),
        (
            knowing(emotions=None, unlabelled=9),
            ("anger", "disgust", "fear", "happiness", "sadness"),
            "emotions: neutral; never learnt: anger",
        ),
        (knowing(emotions=None, unlabelled=8), (), "emotions: which it learnt was not recorded"),
        (tiny_facts(), (), "emotions: which it learnt was not recorded"),
    ],
)
def test_the_emotions_learnt_are_those_of_the_training_clips(
    facts: ModelFacts, never: tuple[str, ...], words: str
) -> None:
    knowledge = what_it_knows(facts)
    assert knowledge.never_learnt == never
    assert str(knowledge).partition("; ")[2].startswith(words)


def test_a_model_written_before_emotions_were_recorded_opens_and_is_written_alike(
    tmp_path: Path,
) -> None:
    old = knowing(emotions=None)
    write_model(tmp_path, tiny_generator().state_dict(), TINY, old)
    tree = json.loads((tmp_path / DESCRIPTION).read_text())
    assert "emotions" not in tree["data"]
    assert read_description(tmp_path).data == old.data
    new = knowing()
    write_model(tmp_path, tiny_generator().state_dict(), TINY, new)
    assert read_description(tmp_path).data == new.data
