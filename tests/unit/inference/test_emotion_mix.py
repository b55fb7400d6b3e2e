"""What a person calls a feeling reaches the model as its own weights, or is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotalk.errors import WrongUse
from emotalk.inference.emotion_mix import parse_mix, resolve_emotion
from emotalk.schema import EMOTIONS, EMOTIONS_MEAD8

MEAD_WORDS = {
    "angry": "anger",
    "contempt": "contempt",
    "disgusted": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "sad": "sadness",
    "surprised": "surprise",
}


@pytest.mark.parametrize(("word", "name"), MEAD_WORDS.items())
def test_the_words_of_mead_are_understood_in_any_case(word: str, name: str) -> None:
    for written in (word, word.upper(), f" {word.title()} "):
        assert resolve_emotion(written, EMOTIONS_MEAD8) == name


@pytest.mark.parametrize(
    ("word", "name"),
    [("afraid", "fear"), ("fearful", "fear"), ("calm", "neutral"), ("joy", "happiness")],
)
def test_everyday_words_are_understood(word: str, name: str) -> None:
    assert resolve_emotion(word, EMOTIONS) == name


def test_an_emotion_beyond_the_model_is_answered_with_those_it_has() -> None:
    with pytest.raises(WrongUse) as refused:
        resolve_emotion("surprised", EMOTIONS)
    assert str(refused.value) == (
        "emotion 'surprised': this model has anger, disgust, fear, happiness, neutral, sadness, "
        "and no surprise; choose one of them"
    )


def test_a_slip_of_the_pen_is_answered_with_the_word_that_was_meant() -> None:
    with pytest.raises(WrongUse, match=r"did you mean happiness\?"):
        resolve_emotion("hapiness", EMOTIONS)


def test_a_model_with_names_of_its_own_is_asked_by_them() -> None:
    assert resolve_emotion("happy", ("Happy", "bored")) == "Happy"
    with pytest.raises(WrongUse, match="this model has Happy, bored"):
        resolve_emotion("anger", ("Happy", "bored"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("happiness", [0, 0, 0, 1, 0, 0]),
        ("happiness:0.6+fear:0.4", [0, 0, 0.4, 0.6, 0, 0]),
        (" Happy : 0.6 + afraid : .4 ", [0, 0, 0.4, 0.6, 0, 0]),
        ("anger:0.3", [0.3, 0, 0, 0, 0, 0]),
        ("anger+sad", [0.5, 0, 0, 0, 0, 0.5]),
        ("anger:0.5+sad+calm", [0.5, 0, 0, 0, 0.25, 0.25]),
        ("anger:0.1+fear:0.2+sad:0.7", [0.1, 0, 0.2, 0, 0, 0.7]),
        ("anger:0.2+fear:0.2", [0.2, 0, 0.2, 0, 0, 0]),
    ],
)
def test_a_mixture_becomes_the_weights_that_it_states(text: str, wanted: list[float]) -> None:
    mix = parse_mix(text, EMOTIONS)
    np.testing.assert_allclose(mix.weights(EMOTIONS), wanted, atol=1e-7)
    assert mix.weights(EMOTIONS).dtype == np.float32
    np.testing.assert_allclose(parse_mix(str(mix), EMOTIONS).weights(EMOTIONS), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("happy:0.6+happiness:0.2", "happiness stands twice"),
        ("happy:0.8+fear:0.8", r"sum to 1\.6, more than 1; .* happiness:0\.5\+fear:0\.5"),
        ("happy:1+fear", "nothing is left for fear"),
        ("happy+", "this model has"),
        ("+", "this model has"),
        ("happy:0.5:0.5", "not a number from 0 to 1"),
        ("happy:-0.1+fear", "not a number from 0 to 1"),
        ("happy 0.5", "did you mean happy"),
    ],
)
def test_what_is_no_mixture_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(WrongUse, match=message):
        parse_mix(text, EMOTIONS)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["happy", "fear:0.4", "+", ":", "0.5", " ", "anger"]), max_size=9))
def test_any_text_gives_weights_of_at_most_one_or_is_refused(pieces: list[str]) -> None:
    try:
        weights_E = parse_mix("".join(pieces), EMOTIONS).weights(EMOTIONS)
    except WrongUse:
        return
    assert (weights_E >= 0).all()
    assert weights_E.sum() <= 1 + 1e-5
