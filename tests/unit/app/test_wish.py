from dataclasses import replace

import pytest

from emotalk.app.wish import ALL, CHANGING, CROP, FADE, ONE, PICTURE, ChosenFace, Wish
from emotalk.errors import WrongUse

CHOSEN = ChosenFace("/a/me.jpg", 2, usable=True)
WISH = Wish("/a/hello.wav", ONE, "anger", 1.0, "0=fear,1=anger", FADE, CROP, 2, 7.0)


def test_the_form_becomes_an_order() -> None:
    assert WISH.order(CHOSEN) == {
        "image": "/a/me.jpg",
        "audio": "/a/hello.wav",
        "emotion": "anger",
        "all_emotions": False,
        "face": "2",
        "paste_back": False,
        "scale": 2,
        "seed": 7,
    }


def test_emotions_are_written_as_the_command_line_takes_them() -> None:
    assert replace(WISH, intensity=0.4).emotion_text == "anger:0.4"
    assert replace(WISH, how=CHANGING).emotion_text == "0=fear,1=anger"
    assert replace(WISH, how=CHANGING, changes="linear").emotion_text == "linear,0=fear,1=anger"
    everything = replace(WISH, how=ALL, frame=PICTURE)
    assert everything.order(CHOSEN)["all_emotions"]
    assert everything.order(CHOSEN)["paste_back"]
    assert everything.caption == "all emotions"


def test_an_empty_seed_is_zero() -> None:
    assert replace(WISH, seed=None).order(CHOSEN)["seed"] == 0


@pytest.mark.parametrize(
    ("wish", "chosen", "words"),
    [
        (WISH, ChosenFace(), "Choose a picture"),
        (WISH, replace(CHOSEN, usable=False), "cannot be used"),
        (replace(WISH, sound=None), CHOSEN, "recording of speech"),
    ],
)
def test_what_is_missing_is_said(wish: Wish, chosen: ChosenFace, words: str) -> None:
    with pytest.raises(WrongUse, match=words):
        wish.order(chosen)
