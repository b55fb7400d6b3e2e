import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotalk.errors import WrongUse
from emotalk.inference.emotion_timeline import (
    TimelineEntry,
    intensity_note,
    parse_timeline,
    timeline_weights,
)
from emotalk.schema import EMOTIONS

INTENSITIES = st.integers(0, 100).map(lambda value: value / 100)
FEELINGS = st.tuples(st.sampled_from(EMOTIONS), INTENSITIES)
GAPS = st.lists(st.integers(1, 300), max_size=6)


@st.composite
def timelines(draw: st.DrawFn) -> tuple[TimelineEntry, ...]:
    gaps = draw(GAPS)
    starts = [0.0, *(total / 100 for total in itertools.accumulate(gaps))]
    return tuple(TimelineEntry(start, *draw(FEELINGS)) for start in starts)


def text_of(timeline: tuple[TimelineEntry, ...]) -> str:
    return ",".join(f"{f.start_s:g}={f.emotion}:{f.intensity:g}" for f in timeline)


@settings(max_examples=40, deadline=None)
@given(timelines())
def test_a_time_line_is_read_back_as_it_was_written(timeline: tuple[TimelineEntry, ...]) -> None:
    assert parse_timeline(text_of(timeline), EMOTIONS) == timeline


@settings(max_examples=40, deadline=None)
@given(timelines(), st.integers(0, 30))
def test_weights_are_never_negative_and_never_above_the_strongest_feeling(
    timeline: tuple[TimelineEntry, ...], more: int
) -> None:
    frames = int(timeline[-1].start_s * 25) + 1 + more
    weights_TE = timeline_weights(timeline, EMOTIONS, frames)
    assert weights_TE.shape == (frames, len(EMOTIONS))
    assert (weights_TE >= 0).all()
    assert weights_TE.sum(1).max() <= max(f.intensity for f in timeline) + 1e-6


@settings(max_examples=40, deadline=None)
@given(timelines())
def test_a_feeling_is_whole_once_its_fade_is_over(timeline: tuple[TimelineEntry, ...]) -> None:
    frames = int(timeline[-1].start_s * 25) + 20
    weights_E = timeline_weights(timeline, EMOTIONS, frames)[-1]
    wanted_E = np.zeros(len(EMOTIONS))
    wanted_E[EMOTIONS.index(timeline[-1].emotion)] = timeline[-1].intensity
    np.testing.assert_allclose(weights_E, wanted_E, atol=1e-6)


def test_a_name_alone_is_felt_in_full_from_the_first_frame() -> None:
    weights_TE = timeline_weights(parse_timeline("happiness", EMOTIONS), EMOTIONS, 3)
    np.testing.assert_array_equal(weights_TE, np.tile(np.eye(6)[3], (3, 1)))


def test_the_change_is_a_straight_line_over_ten_frames() -> None:
    timeline = parse_timeline("0=neutral,1=anger:0.8", EMOTIONS)
    weights_TE = timeline_weights(timeline, EMOTIONS, 50)
    anger, neutral = EMOTIONS.index("anger"), EMOTIONS.index("neutral")
    np.testing.assert_allclose(weights_TE[:26, anger], 0)
    np.testing.assert_allclose(weights_TE[25:36, anger], 0.8 * np.arange(11) / 10, atol=1e-6)
    np.testing.assert_allclose(weights_TE[25:36, neutral], 1 - np.arange(11) / 10, atol=1e-6)


def test_a_feeling_that_interrupts_a_fade_begins_where_the_fade_was() -> None:
    timeline = parse_timeline("0=neutral,1=anger,1.2=sadness", EMOTIONS)
    weights_TE = timeline_weights(timeline, EMOTIONS, 50)
    np.testing.assert_allclose(weights_TE[30, EMOTIONS.index("anger")], 0.5, atol=1e-6)
    np.testing.assert_allclose(weights_TE[30, EMOTIONS.index("sadness")], 0.0, atol=1e-6)
    assert np.abs(np.diff(weights_TE, axis=0)).max() < 0.11


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("joy", "this model knows anger, disgust, fear, happiness, neutral, sadness"),
        ("hapiness", "did you mean happiness"),
        ("", "this model knows"),
        ("anger:1.5", "not a number from 0 to 1"),
        ("anger:loud", "not a number from 0 to 1"),
        ("anger:nan", "not a number from 0 to 1"),
        ("anger:", "not a number from 0 to 1"),
        ("1=anger", "begins at 1 s"),
        ("0=neutral,1=anger,1=fear", "times must rise"),
        ("0=neutral,-1=anger", "not SECONDS=NAME"),
        ("0=neutral,anger", "not SECONDS=NAME"),
        ("0=neutral,", "not SECONDS=NAME"),
        ("0=neutral,inf=anger", "not SECONDS=NAME"),
        ("x=anger", "not SECONDS=NAME"),
        ("0=neutral,1_0=anger", "not SECONDS=NAME"),
        ("0=neutral,\u0663=anger", "not SECONDS=NAME"),
        ("0=neutral,1e999=anger", "not SECONDS=NAME"),
        ("anger:\uff11", "not a number from 0 to 1"),
        ("anger:0_1", "not a number from 0 to 1"),
    ],
)
def test_what_is_no_time_line_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(WrongUse, match=message):
        parse_timeline(text, EMOTIONS)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("anger:0.3", "emotion anger:0.3: this model"),
        ("0=neutral,1=anger:0.8,2=fear:0", "emotion anger:0.8, fear:0: this model"),
    ],
)
def test_an_intensity_that_the_model_has_not_learnt_is_said_so(text: str, asked: str) -> None:
    note = intensity_note(parse_timeline(text, EMOTIONS), use_intensity=False)
    assert note.startswith(asked)
    assert "\n" not in note
    assert intensity_note(parse_timeline(text, EMOTIONS), use_intensity=True) == ""


def test_full_emotions_need_no_word_on_intensity() -> None:
    for text in ("anger", "anger:1", "0=neutral,1=fear:1.0"):
        assert intensity_note(parse_timeline(text, EMOTIONS), use_intensity=False) == ""


def test_a_feeling_after_the_end_of_the_speech_is_refused() -> None:
    timeline = parse_timeline("0=neutral,4=fear", EMOTIONS)
    with pytest.raises(WrongUse, match=r"fear begins at 4 s, but the speech is 4 s long"):
        timeline_weights(timeline, EMOTIONS, 100)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_either_a_time_line_or_refused(text: str) -> None:
    try:
        timeline = parse_timeline(text, EMOTIONS)
    except WrongUse:
        return
    assert timeline[0].start_s == 0
