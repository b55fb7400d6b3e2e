"""Picture and sound on one clock of 25 Hz, by time stamps."""

import numpy as np
import pytest

from emotalk.config.etl import QualityConfig
from emotalk.media.nearest import nearest
from emotalk.media.sound import Sound
from emotalk.schema import SAMPLE_RATE, SAMPLES_PER_FRAME, Rejection
from etl.clip.timeline import around, sound_of, timeline

LIMITS = QualityConfig()


def sound(seconds: float) -> Sound:
    return Sound(np.arange(round(seconds * 8000), dtype=np.float32))


@pytest.mark.parametrize("fps", [15.0, 24000 / 1001, 25.0, 30000 / 1001, 50.0, 59.94])
def test_any_frame_rate_becomes_25_by_the_nearest_frame(fps: float) -> None:
    times = np.arange(round(2 * fps)) / fps
    line = timeline(times, sound(2.0), LIMITS)
    assert line.frames == 50
    shown = times[line.source_T]
    assert np.abs(shown - np.arange(50) / 25).max() <= 0.5 / fps + 1e-6


def test_variable_rates_are_followed_by_their_stamps() -> None:
    times = np.concatenate([np.arange(30) / 30, 1 + np.arange(12) / 12])
    line = timeline(times, sound(2.0), LIMITS)
    wanted = np.abs(times[None] - np.arange(50)[:, None] / 25).argmin(1)
    np.testing.assert_array_equal(line.source_T, wanted)


def test_a_picture_that_starts_late_takes_the_sound_along() -> None:
    line = timeline(0.2 + np.arange(25) / 25, sound(1.2), LIMITS)
    assert line.start_s == pytest.approx(0.2)
    assert line.frames == 25
    np.testing.assert_array_equal(sound_of(line, sound(1.2)), 1600 + np.arange(8000))


def test_frames_before_time_zero_are_not_shown() -> None:
    line = timeline(-0.12 + np.arange(40) / 25, sound(2.0), LIMITS)
    assert line.source_T[0] == 3
    assert line.start_s == 0


def test_sound_and_picture_get_equal_length() -> None:
    times = np.arange(75) / 25
    whole = timeline(times, sound(2.978), LIMITS)  # a little short: filled up
    assert whole.frames == 75
    filled = sound_of(whole, sound(2.978))
    assert filled.size == 75 * SAMPLES_PER_FRAME
    assert not filled[23824:].any()
    assert timeline(times, sound(2.8), LIMITS).frames == 70  # more: cut


def test_sound_that_ends_early_is_rejected() -> None:
    with pytest.raises(Rejection, match=r"ends 1\.00 s before") as caught:
        timeline(np.arange(75) / 25, sound(2.0), LIMITS)
    assert caught.value.reason == "truncated_audio"


@pytest.mark.parametrize(("seconds", "reason"), [(0.2, "too_short"), (61.0, "too_long")])
def test_lengths_have_limits(seconds: float, reason: str) -> None:
    with pytest.raises(Rejection) as caught:
        timeline(np.arange(round(25 * seconds)) / 25, sound(seconds), LIMITS)
    assert caught.value.reason == reason


def test_one_frame_is_nearest_to_everything() -> None:
    assert nearest(np.array([0.5]), np.array([0.0, 3.0])).tolist() == [0, 0]


def test_blending_weighs_the_frames_about_a_tick_by_time() -> None:
    times_s = np.array([0.0, 0.1, 0.2])
    before, after, weight = around(times_s, np.array([0.0, 0.04, 0.0995, 0.15, 0.21]))
    np.testing.assert_array_equal(
        before, [0, 0, 1, 1, 2]
    )  # 0.0995 s is frame 1's, but for rounding
    np.testing.assert_array_equal(after, [0, 1, 1, 2, 2])
    np.testing.assert_allclose(weight, [0, 0.4, 0, 0.5, 0], atol=1e-6)


@pytest.mark.parametrize("fps", [12.5, 24000 / 1001, 30000 / 1001, 30.0, 50.0, 60.0])
def test_a_linear_motion_stays_linear_when_blended(fps: float) -> None:
    times_s = np.arange(round(2 * fps)) / fps
    sound_S = Sound(np.full(2 * SAMPLE_RATE, 0.1, np.float32))
    line = timeline(times_s, sound_S, QualityConfig(), "blended")
    position = 3 * times_s + 1  # of something that moves evenly
    mixed = position[line.source_T] * (1 - line.weight_T) + position[line.next_T] * line.weight_T
    inside = np.arange(line.frames) / 25 <= times_s[-1]
    expected = 3 * np.arange(line.frames) / 25 + 1
    np.testing.assert_allclose(mixed[inside], expected[inside], atol=3 * 0.002)
    at_25 = timeline(np.arange(50) / 25, sound_S, QualityConfig(), "blended")
    assert not at_25.weight_T.any()


def test_the_clock_begins_when_both_exist() -> None:
    late_S = Sound(sound(1.7).samples_S, first=2400, start_s=0.3)
    line = timeline(np.arange(50) / 25, late_S, LIMITS)
    assert line.start_s == 0.3
    assert line.frames == 42  # whole ones of 1.7 s
    assert np.abs(line.source_T[0] / 25 - 0.3) <= 0.02
    np.testing.assert_array_equal(sound_of(line, late_S)[:1000], np.arange(1000))
    late_picture = timeline(0.5 + np.arange(40) / 25, late_S, LIMITS)
    assert late_picture.start_s == 0.5
    np.testing.assert_array_equal(sound_of(late_picture, late_S)[:1000], 1600 + np.arange(1000))


@pytest.mark.parametrize(
    ("gap_s", "accepted"), [(0.5, True), (0.59, True), (0.61, False), (5.0, False)]
)
def test_gaps_are_counted_where_the_clip_is(gap_s: float, accepted: bool) -> None:
    gaps = Sound(
        sound(2.0).samples_S,
        gaps_s=((-3.0, -1.0), (1.0, 1.0 + gap_s / 2), (1.6, 1.6 + gap_s / 2), (9, 20)),
    )
    times_s = np.arange(50) / 25
    if accepted:
        assert timeline(times_s, gaps, LIMITS).frames == 50
        return
    with pytest.raises(
        Rejection, match=r"at most 0\.3 of them \(quality\.max_gap_share\)"
    ) as caught:
        timeline(times_s, gaps, LIMITS)
    assert caught.value.reason == "audio_gaps"
