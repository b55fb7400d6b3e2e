"""The clips whose videos a report shows, and what is in the videos."""

import io
from typing import Any

import av
import numpy as np

from emotalk.evaluation.page_video import MOST_FRAMES, side_by_side
from emotalk.evaluation.report_videos import choose_videos
from emotalk.schema import SAMPLES_PER_FRAME

Rows = dict[str, dict[str, Any]]


def clip(correlation: float | None, emotion: str | None = "anger") -> Rows:
    return {"clip": {"emotion": emotion}, "generated": {"mouth_correlation": correlation}}


def test_best_median_and_worst_come_first_and_then_each_other_emotion() -> None:
    clips = {
        "a": clip(0.5), "b": clip(0.9), "c": clip(0.1), "d": clip(None), "e": clip(0.4, "fear"),
        "f": clip(0.3, "sadness"), "g": clip(0.2, "sadness"),
    }  # fmt: skip
    chosen = choose_videos(clips, 6)
    assert [(one.key, one.why.split()[0]) for one in chosen] == [
        ("b", "best"), ("f", "median"), ("d", "worst"), ("e", "emotion"),
    ]  # fmt: skip
    assert [one.key for one in choose_videos(clips, 2)] == ["b", "f"]
    assert choose_videos(clips, 0) == []
    assert choose_videos({}, 6) == []


def test_one_clip_is_shown_once() -> None:
    assert [one.key for one in choose_videos({"a": clip(0.5)}, 6)] == ["a"]


def decoded(mp4: bytes) -> tuple[list[np.ndarray], float]:
    """Return the frames and the seconds of sound."""
    with av.open(io.BytesIO(mp4)) as file:
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    with av.open(io.BytesIO(mp4)) as file:
        samples = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    return frames, float(samples)


def plain(value: int, frames: int = 10) -> np.ndarray:
    return np.full((frames, 128, 128, 3), value, np.uint8)


def test_parts_stand_beside_each_other_with_their_sound() -> None:
    audio_S = np.zeros(10 * SAMPLES_PER_FRAME, np.float32)
    video = side_by_side("t", {"true": plain(40), "generated": plain(120)}, audio_S)
    frames, seconds = decoded(video.mp4)
    assert len(frames) == 10
    assert frames[0].shape == (128, 256, 3)
    assert abs(frames[0][:, :120].mean() - 40) < 4
    assert abs(frames[0][:, 136:].mean() - 120) < 4
    assert 0.4 <= seconds < 0.4 + 2 * 1024 / 8000  # whole packets of AAC
    assert (video.columns, video.rows, video.seconds) == (2, 1, 0.4)
    assert video.mp4.find(b"moov") < video.mp4.find(b"mdat"), "players start at once"


def test_more_than_three_parts_stand_in_rows_of_three() -> None:
    values = (30, 60, 90, 120, 150)
    audio_S = np.zeros(5 * SAMPLES_PER_FRAME, np.float32)
    video = side_by_side("t", {str(v): plain(v, 5) for v in values}, audio_S)
    (frame, *_), _ = decoded(video.mp4)
    assert frame.shape == (256, 384, 3)
    means = [frame[y : y + 112, x : x + 112].mean() for y in (8, 136) for x in (8, 136, 264)]
    np.testing.assert_allclose(means, [*values, 0], atol=5)
    assert (video.columns, video.rows) == (3, 2)


def test_a_long_video_is_cut_after_ten_seconds() -> None:
    frames = MOST_FRAMES + 40
    audio_S = np.zeros(frames * SAMPLES_PER_FRAME, np.float32)
    video = side_by_side("t", {"true": np.zeros((frames, 16, 16, 3), np.uint8)}, audio_S)
    assert video.seconds == 10
    assert len(decoded(video.mp4)[0]) == MOST_FRAMES
