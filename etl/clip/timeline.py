"""Resample a clip's frames to 25 Hz, on the clock that picture and sound share."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from emotalk.config.etl import QualityConfig
from emotalk.media.nearest import Indices, nearest
from emotalk.media.sound import Sound
from emotalk.schema import FPS, SAMPLES_PER_FRAME, Doubles, Floats, Rejection
from etl.clip.quality import check_gaps, check_length

Resampling: TypeAlias = Literal["nearest", "blended"]

SLACK_S = 0.002  # time stamps of some containers are rounded to milliseconds


@dataclass(frozen=True)
class Timeline:
    """A clip's 25 Hz ticks."""

    start_s: float  # time of tick 0 on the file's clock
    source_T: Indices  # index of the nearest source frame; if blended, of the last one before
    next_T: Indices  # index of the next frame to blend with; the same as `source_T` where none is
    weight_T: Floats  # weight of the next frame, in [0, 1]
    end_s: float  # end of the last source frame on the file's clock

    @property
    def frames(self) -> int:
        """Return the number of ticks."""
        return len(self.source_T)

    def between(self, start: int, end: int) -> slice:
        """Return the ticks that use only the source frames `start` .. `end - 1`."""
        ticks = np.flatnonzero((self.source_T >= start) & (self.next_T < end))
        return slice(int(ticks[0]), int(ticks[-1]) + 1) if ticks.size else slice(0, 0)


def timeline(
    times_s: Doubles,
    sound: Sound,
    limits: QualityConfig,
    resampling: Resampling = "nearest",
) -> Timeline:
    """Return the 25 Hz ticks at which there is both picture and sound.

    The first tick is the first moment at or after time 0 when both exist (frames before time 0 are
    the ones an edit list hides). Sound that ends less than one frame early is filled up with zeros,
    more than that shortens the clip.

    `times_s` are the rising times of the source frames (T,). `nearest` shows for each tick the
    frame nearest in time, `blended` mixes the two frames about it, linearly in time.

    Raises:
        Rejection: `too_short`, `too_long`, `truncated_audio`, `audio_gaps`.
    """
    shown = times_s[times_s > -SLACK_S]
    if not shown.size:
        raise Rejection("too_short", "every frame has a time before 0, so none would be shown")
    start_s = max(0.0, float(shown[0]), sound.start_s)
    step_s = float(shown[-1] - shown[-2]) if shown.size > 1 else 1 / FPS
    video_s = float(shown[-1]) + step_s - start_s
    check_length(video_s, limits)
    audio_s = sound.end_s - start_s
    if audio_s < video_s - limits.max_audio_gap_s:
        raise Rejection(
            "truncated_audio",
            f"the sound ends {video_s - audio_s:.2f} s before the picture, at most "
            f"{limits.max_audio_gap_s:g} s (quality.max_audio_gap_s)",
        )
    ticks = min(int((video_s + SLACK_S) * FPS), int(np.ceil((audio_s - SLACK_S) * FPS)))
    check_length(ticks / FPS, limits)
    check_gaps(sound.silence_s(start_s, start_s + ticks / FPS), ticks / FPS, limits)
    wanted_s = start_s + np.arange(ticks) / FPS
    end_s = start_s + video_s
    if resampling == "blended":
        return Timeline(start_s, *around(times_s, wanted_s), end_s)
    shown_T = nearest(times_s, wanted_s)
    return Timeline(start_s, shown_T, shown_T, np.zeros(ticks, np.float32), end_s)


def around(times_s: Doubles, wanted_s: Doubles) -> tuple[Indices, Indices, Floats]:
    """Return for each wanted time the frame before, the frame after, and the weight of the latter.

    A time within `SLACK_S` of a frame's, before the first or after the last, uses that frame alone.
    """
    last = len(times_s) - 1
    before = np.clip(np.searchsorted(times_s, wanted_s, side="right") - 1, 0, last)
    after = np.minimum(before + 1, last)
    gap_s = np.maximum(times_s[after] - times_s[before], 1e-9)
    since_s = np.clip(wanted_s - times_s[before], 0.0, gap_s)
    at_before = (since_s <= SLACK_S) | (after == before)
    at_after = ~at_before & (gap_s - since_s <= SLACK_S)
    single = np.where(at_after, after, before)
    alone = at_before | at_after
    weight = np.where(alone, 0.0, since_s / gap_s).astype(np.float32)
    return np.where(alone, single, before), np.where(alone, single, after), weight


def sound_of(line: Timeline, sound: Sound) -> Floats:
    """Return exactly `SAMPLES_PER_FRAME` samples for each tick."""
    return sound.between(line.start_s, line.frames * SAMPLES_PER_FRAME)
