"""One clock of 25 Hz for picture and sound: which frame is shown when."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotalk.config.etl import QualityConfig
from emotalk.schema import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Doubles, Floats, Rejection
from etl.quality import check_length

SLACK_S = 0.002  # time stamps of some containers are rounded to milliseconds


@dataclass(frozen=True)
class Timeline:
    """A clip's 25 Hz ticks.

    Attributes:
        start_s: when tick 0 is, on the file's clock.
        source_T: for each tick the index of the source frame nearest in time.
    """

    start_s: float
    source_T: NDArray[np.int64]

    @property
    def frames(self) -> int:
        """How many ticks there are."""
        return len(self.source_T)


def timeline(times_s: Doubles, audio_S: Floats, limits: QualityConfig) -> Timeline:
    """Return the ticks for which there is both picture and sound.

    The first tick is the first frame at or after time 0 (frames before that are the ones an edit
    list hides). Sound that ends less than one frame early is filled up with zeros, more than that
    shortens the clip.

    Args:
        times_s: rising times of the source frames (T,).
        audio_S: sound from time 0 on, at 8 kHz.
        limits: section `quality`.

    Raises:
        Rejection: `too_short`, `too_long`, `truncated_audio`.
    """
    shown = times_s[times_s > -SLACK_S]
    if not shown.size:
        raise Rejection("too_short", "every frame has a time before 0, so none would be shown")
    start_s = max(0.0, float(shown[0]))
    step_s = float(shown[-1] - shown[-2]) if shown.size > 1 else 1 / FPS
    video_s = float(shown[-1]) + step_s - start_s
    check_length(video_s, limits)
    audio_s = audio_S.size / SAMPLE_RATE - start_s
    if audio_s < video_s - limits.max_audio_gap_s:
        raise Rejection(
            "truncated_audio",
            f"the sound ends {video_s - audio_s:.2f} s before the picture, at most "
            f"{limits.max_audio_gap_s:g} s (quality.max_audio_gap_s)",
        )
    ticks = min(int((video_s + SLACK_S) * FPS), int(np.ceil((audio_s - SLACK_S) * FPS)))
    check_length(ticks / FPS, limits)
    return Timeline(start_s, nearest(times_s, start_s + np.arange(ticks) / FPS))


def nearest(times_s: Doubles, wanted_s: Doubles) -> NDArray[np.int64]:
    """Return for each wanted time the index of the nearest of rising `times_s`; ties: earlier."""
    after = np.clip(np.searchsorted(times_s, wanted_s), 1, max(1, len(times_s) - 1))
    if len(times_s) == 1:
        return np.zeros(len(wanted_s), np.int64)
    before = after - 1
    closer = wanted_s - times_s[before] <= times_s[after] - wanted_s + 1e-9
    return np.where(closer, before, after).astype(np.int64)


def sound_of(line: Timeline, audio_S: Floats) -> Floats:
    """Return exactly `SAMPLES_PER_FRAME` samples for each tick."""
    first = round(line.start_s * SAMPLE_RATE)
    wanted = line.frames * SAMPLES_PER_FRAME
    sound = audio_S[first : first + wanted]
    return np.pad(sound, (0, wanted - sound.size)).astype(np.float32)
