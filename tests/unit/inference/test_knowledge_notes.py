"""An emotion that a model never learnt is noted or refused, a photograph for drawn faces noted."""

import pytest

from emotalk.checkpoints.knowledge import Knowledge
from emotalk.errors import WrongUse
from emotalk.inference.knowledge_notes import photograph_note, refuse_unlearnt, unlearnt_note
from emotalk.schema import EMOTIONS

ONE_PERSON = Knowledge("one person", "a folder of clips", 413, 1, EMOTIONS, ("neutral",))
DRAWN = Knowledge("drawn", "CREMA-D", 252, 36, EMOTIONS, EMOTIONS)
OLD = Knowledge("not recorded", "", 0, 0, EMOTIONS, None)


def test_the_note_names_each_unlearnt_emotion_once_and_what_was_learnt() -> None:
    note = unlearnt_note(ONE_PERSON, ["neutral", "fear", "anger", "fear"])
    assert note.startswith("emotion fear, anger: this model never learnt it")
    assert "(learnt: neutral)" in note
    assert "\n" not in note
    for known in (unlearnt_note(ONE_PERSON, ["neutral"]), unlearnt_note(DRAWN, EMOTIONS)):
        assert not known
    assert not unlearnt_note(OLD, EMOTIONS)


def test_all_emotions_and_mixtures_are_refused_with_what_can_be_asked_for() -> None:
    with pytest.raises(WrongUse) as refused:
        refuse_unlearnt(ONE_PERSON, EMOTIONS, wish="--all-emotions")
    assert str(refused.value) == (
        "--all-emotions: this model never learnt anger, disgust, fear, happiness, sadness, no clip "
        "of its training shows them; it learnt neutral: ask for what it learnt with --emotion "
        "(neutral), or give a model that learnt them all with --checkpoint"
    )
    refuse_unlearnt(DRAWN, EMOTIONS, wish="--all-emotions")
    refuse_unlearnt(OLD, EMOTIONS, wish="--all-emotions")
    refuse_unlearnt(ONE_PERSON, ["neutral"], wish="--emotion neutral")


def test_what_to_expect_of_a_photograph_is_said_for_models_of_drawn_faces_alone() -> None:
    assert "seen drawn faces only" in photograph_note(DRAWN, detected=True)
    assert not photograph_note(DRAWN, detected=False)  # an aligned crop, as a drawn one is
    assert not photograph_note(ONE_PERSON, detected=True)
    assert not photograph_note(OLD, detected=True)
