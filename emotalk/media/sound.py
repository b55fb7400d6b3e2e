"""The sound of any media file on its container's clock, or the reason why not."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import gcd
from pathlib import Path

import numpy as np

from emotalk.media.container import MediaInfo, probe
from emotalk.media.mixdown import ChannelStatistics, Mixdown
from emotalk.media.resample import resample
from emotalk.media.sound_blocks import SoundBlock, SoundFaults, decode_sound_blocks
from emotalk.schema import SAMPLE_RATE, Floats, Rejection

SHORT_AUDIO_S = 0.2
MOST_SOUND_S = 4 * 3600.0  # of one file, gaps included

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sound:
    """A file's sound from its own first moment on.

    Attributes:
        samples_S: mono float in [-1, 1]; gaps are zeros, and so may be the first few samples.
        rate: samples a second.
        first: on which sample of the clock `samples_S` begins: its time times `rate`.
        start_s: when the sound itself begins, at or shortly after that.
        gaps_s: beginning and end of each gap.
        faults: what could not be decoded, or was cut.
    """

    samples_S: Floats
    rate: int = SAMPLE_RATE
    first: int = 0
    start_s: float = 0.0
    gaps_s: tuple[tuple[float, float], ...] = ()
    faults: SoundFaults = field(default_factory=SoundFaults)

    @property
    def end_s(self) -> float:
        """Return the time of the end of the last sample in seconds."""
        return (self.first + self.samples_S.size) / self.rate

    @property
    def own_S(self) -> Floats:
        """The samples from the sound's own first moment on."""
        return self.samples_S[round(self.start_s * self.rate) - self.first :]

    def between(self, start_s: float, samples: int) -> Floats:
        """Return so many samples from a time on; zeros where there is no sound."""
        start = round(start_s * self.rate) - self.first
        before = min(samples, max(0, -start))
        inside = self.samples_S[max(0, start) : max(0, start + samples)]
        return np.pad(inside, (before, samples - before - inside.size)).astype(np.float32)

    def silence_s(self, start_s: float, end_s: float) -> float:
        """Return how much of a stretch of time lies in gaps."""
        return sum(max(0.0, min(end_s, b) - max(start_s, a)) for a, b in self.gaps_s)


def read_audio(path: Path, *, rate: int = SAMPLE_RATE, info: MediaInfo | None = None) -> Floats:
    """Return a file's sound from time 0 of its clock: float32 mono (S,) in [-1, 1] at `rate` Hz.

    As `read_sound`, but a stream that starts late is preceded by zeros, one that starts before time
    0 is cut.

    Raises:
        Rejection: as `read_sound`.
    """
    sound = read_sound(path, rate=rate, info=info)
    check_bound(path, sound.end_s)
    return sound.between(0.0, max(0, sound.first + sound.samples_S.size))


def read_sound(
    path: Path,
    *,
    rate: int = SAMPLE_RATE,
    info: MediaInfo | None = None,
    most_s: float = MOST_SOUND_S,
) -> Sound:
    """Return a file's sound from its own first moment on, each block of it at its own time.

    Channels are averaged; see `mixdown` for those that cancel each other and for offsets.
    Resampling is band-limited (windowed sinc over 64 zero crossings, Kaiser) and keeps the time of
    every sample; a stretch at another rate is resampled from that.

    Args:
        path: the file.
        rate: samples a second of what is returned.
        info: what `probe` says of the file, where that is known already.
        most_s: the longest sound to read, gaps included.

    Raises:
        Rejection: `missing`, `empty_file`, `git_lfs_pointer`, `unreadable`, `no_audio`, `no_times`,
            `too_long`, and `truncated_audio` where the sound ends before the stream's index says.
    """
    info = info or probe(path)
    faults = SoundFaults()
    zero_s = info.start_s if info.has_video else None
    runs: list[_Run] = []
    for run in _mono_runs(path, info, faults, most_s):
        zero_s = run.start_s if zero_s is None else zero_s
        runs.append(run.resampled(rate, zero_s))
    _warn(path, fault_notes(faults))
    check_length(path, info, runs[-1].end_s - runs[0].start_s)
    return _joined(runs, rate, faults)


@dataclass(frozen=True)
class _Run:
    """Sound without a gap and of one rate; `first` is its place on the clock in samples."""

    start_s: float
    end_s: float
    rate: int
    samples_S: Floats
    first: int = 0

    def resampled(self, rate: int, zero_s: float) -> "_Run":
        """Return the run at another rate, on the grid of samples that begins at `zero_s`.

        It begins at a sample of that grid which is one of its own, too, at or before its start:
        thus each sample keeps its time exactly.
        """
        divisor = gcd(self.rate, rate)
        own, other = self.rate // divisor, rate // divisor
        start = round((self.start_s - zero_s) * self.rate)
        before = start % own
        padded_S = np.concatenate([np.zeros(before, np.float32), self.samples_S])
        samples_S = resample(padded_S, self.rate, rate)
        first = (start - before) // own * other
        return _Run(self.start_s - zero_s, self.end_s - zero_s, rate, samples_S, first)


def _mono_runs(path: Path, info: MediaInfo, faults: SoundFaults, most_s: float) -> Iterable[_Run]:
    """Return stretches of mono sound; decoded twice where the mean of the channels is not it."""
    statistics = ChannelStatistics()
    blocks = _counted(bounded(path, decode_sound_blocks(path, info, faults), most_s), statistics)
    runs = list(_runs(blocks, {}))
    mixdowns = statistics.mixdowns()
    if all(mixdown == Mixdown() for mixdown in mixdowns.values()):
        return runs
    _warn(path, mixdown_notes(mixdowns))
    return _runs(bounded(path, decode_sound_blocks(path, info), most_s), mixdowns)


def fault_notes(faults: SoundFaults) -> list[str]:
    """Return a line where packets of a file's sound are missing."""
    return [f"{faults.packets} packets of sound cannot be decoded"] if faults.packets else []


def mixdown_notes(mixdowns: Mapping[int, Mixdown]) -> list[str]:
    """Return a line where mono sound is not the plain mean of a file's channels."""
    return [mixdown.told for mixdown in mixdowns.values() if mixdown != Mixdown()]


def _warn(path: Path, notes: Iterable[str]) -> None:
    for note in notes:
        log.warning("%s: %s", path.name, note)


def _counted(blocks: Iterable[SoundBlock], statistics: ChannelStatistics) -> Iterator[SoundBlock]:
    for block in blocks:
        statistics.add(block.samples_SC)
        yield block


def _runs(blocks: Iterable[SoundBlock], mixdowns: Mapping[int, Mixdown]) -> Iterator[_Run]:
    """Yield stretches without a gap and of one rate.

    Args:
        blocks: in the order of time.
        mixdowns: how blocks become mono, by their number of channels; the mean where none is given.
    """
    parts: list[Floats] = []
    first = last = None
    for block in blocks:
        if first is not None and last is not None:
            if not block.follows or block.rate != last.rate:
                yield _Run(first.start_s, last.end_s, last.rate, np.concatenate(parts))
                first, parts = block, []
        else:
            first = block
        parts.append(mixdowns.get(block.samples_SC.shape[1], Mixdown()).apply(block.samples_SC))
        last = block
    if first is not None and last is not None:
        yield _Run(first.start_s, last.end_s, last.rate, np.concatenate(parts))


def _joined(runs: list[_Run], rate: int, faults: SoundFaults) -> Sound:
    """Return the runs at their places; what lies between them is silence."""
    first = min(run.first for run in runs)
    samples_S = np.zeros(max(run.first + run.samples_S.size for run in runs) - first, np.float32)
    for run in runs:
        start = run.first - first
        samples_S[start : start + run.samples_S.size] += run.samples_S
    ends = [(before.end_s, after.start_s) for before, after in pairwise(runs)]
    gaps_s = tuple((end, start) for end, start in ends if start - end > 1 / rate)
    clipped_S = np.clip(samples_S, -1.0, 1.0)
    return Sound(clipped_S, rate, first, runs[0].start_s, gaps_s, faults)


def bounded(path: Path, blocks: Iterable[SoundBlock], most_s: float) -> Iterator[SoundBlock]:
    """Yield blocks until there are more seconds of them than room is made for."""
    start_s: float | None = None
    for block in blocks:
        start_s = block.start_s if start_s is None else start_s
        check_bound(path, block.end_s - start_s, most_s)
        yield block


def check_bound(path: Path, seconds: float, most_s: float = MOST_SOUND_S) -> None:
    """Reject sound that lasts longer than room is made for (`too_long`)."""
    if seconds > most_s:
        raise Rejection(
            "too_long",
            f"{path.name}: its sound lasts to {seconds:.0f} s by its times, at most {most_s:.0f} s "
            "are read",
        )


def check_length(path: Path, info: MediaInfo, decoded_s: float) -> None:
    """Reject sound that is shorter than the index of its stream says (`truncated_audio`)."""
    promised = info.audio_duration_s
    if promised is None and not info.has_video:
        promised = info.duration_s
    if promised is not None and decoded_s < promised - SHORT_AUDIO_S:
        raise Rejection(
            "truncated_audio",
            f"{path.name}: {decoded_s:.2f} s of sound could be decoded of the {promised:.2f} s its "
            f"header promises (limit {SHORT_AUDIO_S} s less)",
        )
