"""Actor, emotion and level as names and folders say them, each with its ground."""

import re
from typing import Any

import pytest

from etl.corpora.label_guess import Guess, LabelOptions, guess_labels

NAMES = {
    # CREMA-D, MEAD, RAVDESS, SAVEE, TESS: as published
    "VideoFlash/1001_IEO_ANG_HI.flv": ("1001", "anger", "HI"),
    "1091_TSI_NEU_XX.flv": ("1091", "neutral", ""),
    "M003/video/front/disgusted/level_2/001.mp4": ("M003", "disgust", "MD"),
    "W011_left_30_surprised_level_3_004.mp4": ("W011", "surprise", "HI"),
    "M003/video/front/neutral/level_1/001.mp4": ("M003", "neutral", ""),
    "Actor_12/01-01-05-01-02-01-12.mp4": ("12", "anger", "MD"),
    "01-01-02-02-01-01-24.mp4": ("24", "neutral", ""),
    "AudioVisualClip/DC/sa07.avi": ("DC", "sadness", ""),
    "JK_su15.avi": ("JK", "surprise", ""),
    "OAF_back_angry.mp4": ("OAF", "anger", ""),
    "YAF_dog_ps.mp4": ("YAF", "surprise", ""),
}


def guessed(*clips: str, **options: Any) -> list[Guess]:
    return guess_labels(clips, LabelOptions(**options))


@pytest.mark.parametrize(("clip", "expected"), NAMES.items())
def test_names_of_published_corpora_are_known(clip: str, expected: tuple[str, str, str]) -> None:
    (guess,) = guessed(clip)
    assert (guess.actor, guess.emotion, guess.level) == expected
    assert guess.actor_by == guess.emotion_by
    assert guess.actor_by.endswith(" names")


def test_sentences_that_a_name_tells_are_written_out() -> None:
    crema_d, ravdess = guessed("1001_IEO_ANG_HI.flv", "01-01-05-01-02-01-12.mp4")
    assert crema_d.text == "It's eleven o'clock"
    assert ravdess.text == "Dogs are sitting by the door"


@pytest.mark.parametrize(
    ("clip", "emotion", "level"),
    [
        ("x_happy_01.mp4", "happiness", ""),
        ("x_HAPPINESS.mp4", "happiness", ""),
        ("x-hap-3.mp4", "happiness", ""),
        ("x joyful.mp4", "happiness", ""),
        ("x_Angry2_low.mp4", "anger", "LO"),
        ("x_fearful_level_2.mp4", "fear", "MD"),
        ("x_sad_L3.mp4", "sadness", "HI"),
        ("x_calm_strong.mp4", "neutral", ""),  # neutral has no level
        ("sad/x_01.mp4", "sadness", ""),
        ("very_sad_ones/level1/x_01.mp4", "sadness", "LO"),
        ("sad/x_happy.mp4", "happiness", ""),  # the name goes before the folder
        ("x_sad_happy.mp4", None, ""),
        ("ang_happy_01.mp4", "happiness", ""),  # a whole word goes before an abbreviation
        ("x_unhappy_01.mp4", None, ""),
        ("x_hi_01.mp4", None, ""),  # no level without an emotion
        ("x_01.mp4", None, ""),
    ],
)
def test_words_of_names_and_folders_say_emotion_and_level(
    clip: str, emotion: str | None, level: str
) -> None:
    (guess,) = guessed(clip)
    assert (guess.emotion, guess.level) == (emotion, level)
    assert bool(guess.emotion_by) == (emotion is not None)


@pytest.mark.parametrize(
    ("clips", "actors", "ground"),
    [
        (("anna/1.mp4", "anna/2.mp4", "bo/1.mp4"), ["anna", "anna", "bo"], "the folder"),
        (("all/anna/1.mp4", "all/bo/day1/1.mp4"), ["anna", "bo"], "the folder"),
        (("sad/anna/1.mp4", "happy/bo/1.mp4"), ["anna", "bo"], "the folder"),
        (("anna_happy/1.mp4", "anna_sad/1.mp4"), ["anna", "anna"], "the folder"),
        (("01/a.mp4", "02/b.mp4"), ["01", "02"], "the folder"),
        (("anna/1.mp4", "anna/2.mp4"), ["anna", "anna"], "the folder"),
        (("happy/anna_1.mp4", "sad/bo_1.mp4"), ["anna", "bo"], "the name"),
        (("raw/anna_1.mp4", "raw/anna_2.mp4", "raw/bo_1.mp4"), ["anna", "anna", "bo"], "the name"),
        (("d1/anna_1.mp4", "d1/anna_2.mp4", "d1/bo_1.mp4"), ["anna", "anna", "bo"], "the name"),
        (("s1_bbaf2n.mp4", "s1_bbaf3s.mp4", "s1_lgas2n.mp4"), ["s1"] * 3, "the name"),
        (("anna1.mp4", "anna2.mp4", "bo1.mp4"), ["anna", "anna", "bo"], "the name"),
        (("anna_sad_1.mp4", "bo_sad_1.mp4", "cy_sad_1.mp4"), ["anna", "bo", "cy"], "the name"),
        (("01_anna_x.mp4", "02_anna_x.mp4", "03_bo_x.mp4"), ["anna", "anna", "bo"], "the name"),
        (("1001_a.mp4", "1001_b.mp4", "1002_a.mp4"), ["1001", "1001", "1002"], "the name"),
        (("clip1.mp4", "clip2.mp4", "clip3.mp4"), ["speaker"] * 3, "nothing"),
        (("IMG_0001.MOV", "IMG_0002.MOV", "IMG_0003.MOV"), ["speaker"] * 3, "nothing"),
        (("good_day.mp4", "see_you.mp4", "by_now.mp4"), ["speaker"] * 3, "nothing"),
    ],
)  # fmt: skip
def test_people_are_found_in_folders_or_names(
    clips: tuple[str, ...], actors: list[str], ground: str
) -> None:
    found = guessed(*clips)
    assert [guess.actor for guess in found] == actors
    assert {guess.actor_by for guess in found} == {ground}


def test_what_the_user_says_goes_before_every_guess() -> None:
    clips = ("anna/bo_happy_1.mp4", "anna/bo_sad_2.mp4", "cy/bo_3.mp4", "cy/1001_IEO_ANG_HI.mp4")
    assert [g.actor for g in guessed(*clips, actor_from="folder")] == ["anna", "anna", "cy", "cy"]
    assert [g.actor for g in guessed(*clips, actor_from="name")][:3] == ["bo", "bo", "bo"]
    assert {g.actor for g in guessed(*clips, actor_from="single")} == {"speaker"}
    assert {g.actor for g in guessed(*clips, actor="Jo")} == {"Jo"}
    assert {g.emotion for g in guessed(*clips, emotion="fear")} == {"fear"}
    assert {(g.emotion, g.level) for g in guessed(*clips, emotion="unknown")} == {(None, "")}


def test_a_pattern_says_what_its_groups_are_named() -> None:
    pattern = re.compile(r"(?P<actor>S\d+)-(?P<emotion>\w+)-(?P<level>\w+)-(?P<text>[^.]+)")
    first, second = guessed("x/S03-Joy-2-good morning.mp4", "x/y_sad.mp4", pattern=pattern)
    assert (first.actor, first.emotion, first.level) == ("S03", "happiness", "MD")
    assert (first.text, first.actor_by, first.emotion_by) == (
        "good morning",
        "--pattern",
        "--pattern",
    )
    assert (second.actor, second.emotion) == ("x", "sadness"), "guessed where it is not found"
    (strange,) = guessed("S03-odd-HI-x.mp4", pattern=pattern)
    assert (strange.emotion, strange.level) == (None, "")
