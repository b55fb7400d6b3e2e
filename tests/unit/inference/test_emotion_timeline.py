import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotalk.errors import WrongUse
from emotalk.inference.emotion_mix import EmotionMix
from emotalk.inference.emotion_timeline import (
    Changes,
    Timeline,
    TimelineEntry,
    intensity_note,
    parse_timeline,
    timeline_weights,
)
from emotalk.schema import EMOTIONS

INTENSITIES = st.integers(0, 100).map(lambda value: value / 100)
FEELINGS = st.tuples(st.sampled_from(EMOTIONS), INTENSITIES)
ALL_CHANGES: tuple[Changes, ...] = ("fade", "linear", "step")
GAPS = st.lists(st.integers(1, 300), max_size=6)


@st.composite
def timelines(draw: st.DrawFn, changes: tuple[Changes, ...] = ("fade",)) -> Timeline:
    gaps = draw(GAPS)
    starts = [0.0, *(total / 100 for total in itertools.accumulate(gaps))]
    entries = tuple(TimelineEntry(start, EmotionMix((draw(FEELINGS),))) for start in starts)
    return Timeline(entries, draw(st.sampled_from(changes)))


def text_of(timeline: Timeline) -> str:
    entries = [
        f"{entry.start_s:g}={name}:{weight:g}"
        for entry in timeline.entries
        for name, weight in entry.mix.parts
    ]
    return ",".join([timeline.changes, *entries])


@settings(max_examples=40, deadline=None)
@given(timelines(ALL_CHANGES))
def test_a_time_line_is_read_back_as_it_was_written(timeline: Timeline) -> None:
    assert parse_timeline(text_of(timeline), EMOTIONS) == timeline


@settings(max_examples=40, deadline=None)
@given(timelines(ALL_CHANGES), st.integers(0, 30))
def test_weights_are_never_negative_and_never_above_the_strongest_feeling(
    timeline: Timeline, more: int
) -> None:
    frames = int(timeline.entries[-1].start_s * 25) + 1 + more
    weights_TE = timeline_weights(timeline, EMOTIONS, frames)
    assert weights_TE.shape == (frames, len(EMOTIONS))
    assert (weights_TE >= 0).all()
    assert (
        weights_TE.sum(1).max() <= max(entry.mix.parts[0][1] for entry in timeline.entries) + 1e-6
    )


@settings(max_examples=40, deadline=None)
@given(timelines(ALL_CHANGES))
def test_a_feeling_is_whole_once_its_fade_is_over(timeline: Timeline) -> None:
    frames = int(timeline.entries[-1].start_s * 25) + 20
    weights_E = timeline_weights(timeline, EMOTIONS, frames)[-1]
    wanted_E = np.zeros(len(EMOTIONS))
    name, weight = timeline.entries[-1].mix.parts[0]
    wanted_E[EMOTIONS.index(name)] = weight
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


def test_a_step_is_whole_at_its_first_frame() -> None:
    timeline = parse_timeline("step,0=Sad,0.4=happy:0.6+fear:0.4", EMOTIONS)
    weights_TE = timeline_weights(timeline, EMOTIONS, 20)
    np.testing.assert_allclose(weights_TE[:10], np.tile(np.eye(6)[5], (10, 1)))
    np.testing.assert_allclose(weights_TE[10:], np.tile([0, 0, 0.4, 0.6, 0, 0], (10, 1)))


def test_a_linear_change_lasts_from_one_time_to_the_next() -> None:
    timeline = parse_timeline("linear, 0=neutral, 2=anger:0.8", EMOTIONS)
    weights_TE = timeline_weights(timeline, EMOTIONS, 75)
    share = np.clip(np.arange(75) / 50, 0, 1)
    np.testing.assert_allclose(weights_TE[:, EMOTIONS.index("anger")], 0.8 * share, atol=1e-6)
    np.testing.assert_allclose(weights_TE[:, EMOTIONS.index("neutral")], 1 - share, atol=1e-6)


def test_a_factor_weakens_every_entry() -> None:
    timeline = parse_timeline("step,0=anger:0.8,1=fear+sad", EMOTIONS).scaled(0.5)
    assert [str(entry.mix) for entry in timeline.entries] == ["anger:0.4", "fear:0.25+sadness:0.25"]
    assert timeline.changes == "step"


def test_the_advice_for_a_late_beginning_is_itself_a_time_line() -> None:
    with pytest.raises(WrongUse, match="begins at 1 s") as refused:
        parse_timeline("1=happy,2=fear", EMOTIONS)
    advice = str(refused.value).rpartition("for example ")[2]
    assert parse_timeline(advice, EMOTIONS).names == ("neutral", "happiness", "fear")


def test_a_feeling_that_interrupts_a_fade_begins_where_the_fade_was() -> None:
    timeline = parse_timeline("0=neutral,1=anger,1.2=sadness", EMOTIONS)
    weights_TE = timeline_weights(timeline, EMOTIONS, 50)
    np.testing.assert_allclose(weights_TE[30, EMOTIONS.index("anger")], 0.5, atol=1e-6)
    np.testing.assert_allclose(weights_TE[30, EMOTIONS.index("sadness")], 0.0, atol=1e-6)
    assert np.abs(np.diff(weights_TE, axis=0)).max() < 0.11


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mellow", "this model has anger, disgust, fear, happiness, neutral, sadness"),
        ("hapiness", "did you mean happiness"),
        ("", "this model has"),
        ("anger:1.5", "not a number from 0 to 1"),
        ("anger:loud", "not a number from 0 to 1"),
        ("anger:nan", "not a number from 0 to 1"),
        ("anger:", "not a number from 0 to 1"),
        ("1=anger", "begins at 1 s"),
        ("0=neutral,1=anger,1=fear", "in order of time, each time once"),
        ("2=anger,1=fear", "in order of time"),
        ("0=neutral,-1=anger", "not SECONDS=EMOTION"),
        ("0=neutral,anger", "not SECONDS=EMOTION"),
        ("0=neutral,", "not SECONDS=EMOTION"),
        ("0=neutral,inf=anger", "not SECONDS=EMOTION"),
        ("x=anger", "not SECONDS=EMOTION"),
        ("0=neutral,1_0=anger", "not SECONDS=EMOTION"),
        ("0=neutral,\u0663=anger", "not SECONDS=EMOTION"),
        ("0=neutral,1e999=anger", "not SECONDS=EMOTION"),
        ("anger:\uff11", "not a number from 0 to 1"),
        ("step", "step says how a time line changes; .* step,0=neutral,1.5=anger:0.8"),
        ("linear,anger", "'anger' is not SECONDS=EMOTION"),
        ("0=neutral,1,5=anger", "'1' is not SECONDS=EMOTION"),
        ("0=neutral,1=surprised", "and no surprise"),
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
    note = intensity_note([parse_timeline(text, EMOTIONS)], use_intensity=False)
    assert note.startswith(asked)
    assert "\n" not in note
    assert intensity_note([parse_timeline(text, EMOTIONS)], use_intensity=True) == ""


def test_a_mixture_is_said_to_be_more_than_training_shows() -> None:
    note = intensity_note([parse_timeline("happy:0.5+fear:0.5", EMOTIONS)], use_intensity=True)
    assert note.startswith("emotion happiness:0.5+fear:0.5: training shows one emotion at a time")


def test_full_emotions_need_no_word_on_intensity() -> None:
    for text in ("anger", "anger:1", "0=neutral,1=fear:1.0"):
        assert intensity_note([parse_timeline(text, EMOTIONS)], use_intensity=False) == ""


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
    assert timeline.entries[0].start_s == 0
