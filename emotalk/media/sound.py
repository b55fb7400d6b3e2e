"""Read the sound of a media file, on the clock that it shares with the video."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from emotalk.media.container import MediaInfo, probe
from emotalk.media.mixdown import ChannelStatistics, Mixdown
from emotalk.media.resample import grid_start, resample
from emotalk.media.sound_blocks import SoundBlock, decode_sound_blocks
from emotalk.media.sound_decoder import SoundFaults
from emotalk.schema import SAMPLE_RATE, Floats, Rejection

SHORT_AUDIO_S = 0.2
MAX_SOUND_S = 4 * 3600.0  # of one file, gaps included

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sound:
    """Sound of a file, from its first sample on.

    Attributes:
        samples_S: mono float in [-1, 1]; gaps are zeros, and so may be the first few samples.
        rate: samples a second.
        first: number of the first of `samples_S` on the clock: its time times `rate`.
        start_s: time of the first decoded sample, equal to that or slightly later.
        gaps_s: begin and end of each gap.
        faults: sound that could not be decoded, or was cut.
    """

    samples_S: Floats
    rate: int = SAMPLE_RATE
    first: int = 0
    start_s: float = 0.0
    gaps_s: tuple[tuple[float, float], ...] = ()
    faults: SoundFaults = field(default_factory=SoundFaults)

    @property
    def end_s(self) -> float:
        """Return the end of the last sample in seconds."""
        return (self.first + self.samples_S.size) / self.rate

    def between(self, start_s: float, samples: int) -> Floats:
        """Return a number of samples from a time on; zeros where there is no sound."""
        start = round(start_s * self.rate) - self.first
        before = min(samples, max(0, -start))
        inside = self.samples_S[max(0, start) : max(0, start + samples)]
        return np.pad(inside, (before, samples - before - inside.size)).astype(np.float32)

    def since(self, start_s: float) -> "Sound":
        """Return the same sound on a clock that begins at a time: a whole number of samples."""
        return replace(
            self,
            first=self.first - round(start_s * self.rate),
            start_s=self.start_s - start_s,
            gaps_s=tuple((begin - start_s, end - start_s) for begin, end in self.gaps_s),
        )

    def silence_s(self, start_s: float, end_s: float) -> float:
        """Return how many seconds of a period are gaps."""
        return sum(max(0.0, min(end_s, b) - max(start_s, a)) for a, b in self.gaps_s)


def read_sound(
    path: Path,
    *,
    rate: int = SAMPLE_RATE,
    info: MediaInfo | None = None,
    max_s: float = MAX_SOUND_S,
) -> Sound:
    """Return a file's sound from its first sample on, each block at its time stamp.

    Channels are averaged; see `mixdown` for channels that cancel each other and for offsets.
    Resampling is band-limited and keeps the time of every sample. The rate may change within a
    file.

    Args:
        path: the file.
        rate: samples a second of the result.
        info: of `probe`; probed here if None.
        max_s: the longest sound to read, gaps included.

    Raises:
        Rejection: `missing`, `empty_file`, `git_lfs_pointer`, `unreadable`, `no_audio`, `no_times`,
            `too_long`, and `truncated_audio` where the sound is shorter than its header says.
    """
    info = info or probe(path)
    faults = SoundFaults()
    zero_s = info.start_s if info.has_video else None
    runs: list[_Run] = []
    for run in _mono_runs(path, info, faults, max_s):
        zero_s = run.start_s if zero_s is None else zero_s
        runs.append(run.resampled(rate, zero_s))
    _warn(path, fault_notes(faults))
    check_length(path, info, runs[-1].end_s - runs[0].start_s)
    return _joined(runs, rate, faults)


def sound_of_blocks(blocks: Sequence[SoundBlock], rate: int, zero_s: float) -> Sound:
    """Return the sound of some blocks of a file in a row, mixed by these blocks alone.

    `zero_s` is time 0 of the result on the container's clock.
    """
    statistics = ChannelStatistics()
    for block in blocks:
        statistics.add(block.samples_SC)
    runs = list(_runs(blocks, statistics.mixdowns()))
    return _joined([run.resampled(rate, zero_s) for run in runs], rate, SoundFaults())


@dataclass(frozen=True)
class _Run:
    """Sound without gaps and of one rate; `first` is the number of its first sample."""

    start_s: float
    end_s: float
    rate: int
    samples_S: Floats
    first: int = 0

    def resampled(self, rate: int, zero_s: float) -> "_Run":
        """Return the run at another rate, its samples counted from `zero_s`."""
        start = round((self.start_s - zero_s) * self.rate)
        before, first = grid_start(start, self.rate, rate)
        padded_S = np.concatenate([np.zeros(before, np.float32), self.samples_S])
        samples_S = resample(padded_S, self.rate, rate)
        return _Run(self.start_s - zero_s, self.end_s - zero_s, rate, samples_S, first)


def _mono_runs(path: Path, info: MediaInfo, faults: SoundFaults, max_s: float) -> Iterable[_Run]:
    """Return runs of mono sound; decode twice where mono is not the mean of the channels."""
    statistics = ChannelStatistics()
    blocks = _counted(bounded(path, decode_sound_blocks(path, info, faults), max_s), statistics)
    runs = list(_runs(blocks, {}))
    mixdowns = statistics.mixdowns()
    if all(mixdown == Mixdown() for mixdown in mixdowns.values()):
        return runs
    _warn(path, mixdown_notes(mixdowns))
    return _runs(bounded(path, decode_sound_blocks(path, info), max_s), mixdowns)


def fault_notes(faults: SoundFaults) -> list[str]:
    """Return a note on packets that could not be decoded, if any."""
    return [f"{faults.packets} packets of sound cannot be decoded"] if faults.packets else []


def mixdown_notes(mixdowns: Mapping[int, Mixdown]) -> list[str]:
    """Return notes where mono is not the plain mean of the channels."""
    return [mixdown.description for mixdown in mixdowns.values() if mixdown != Mixdown()]


def _warn(path: Path, notes: Iterable[str]) -> None:
    for note in notes:
        log.warning("%s: %s", path.name, note)


def _counted(blocks: Iterable[SoundBlock], statistics: ChannelStatistics) -> Iterator[SoundBlock]:
    for block in blocks:
        statistics.add(block.samples_SC)
        yield block


def _runs(blocks: Iterable[SoundBlock], mixdowns: Mapping[int, Mixdown]) -> Iterator[_Run]:
    """Yield runs of mono sound: without gaps and of one rate, by default the channels' mean."""
    parts: list[Floats] = []
    first = last = None
    for block in blocks:
        if first and last and not (block.follows and block.rate == last.rate):
            yield _Run(first.start_s, last.end_s, last.rate, np.concatenate(parts))
            first, parts = None, []
        first = first or block
        parts.append(mixdowns.get(block.samples_SC.shape[1], Mixdown()).apply(block.samples_SC))
        last = block
    if first and last:
        yield _Run(first.start_s, last.end_s, last.rate, np.concatenate(parts))


def _joined(runs: list[_Run], rate: int, faults: SoundFaults) -> Sound:
    """Return the runs at their times, with silence between them."""
    first = min(run.first for run in runs)
    samples_S = np.zeros(max(run.first + run.samples_S.size for run in runs) - first, np.float32)
    for run in runs:
        start = run.first - first
        samples_S[start : start + run.samples_S.size] += run.samples_S
    ends = [(before.end_s, after.start_s) for before, after in pairwise(runs)]
    gaps_s = tuple((end, start) for end, start in ends if start - end > 1 / rate)
    clipped_S = np.clip(samples_S, -1.0, 1.0)
    return Sound(clipped_S, rate, first, runs[0].start_s, gaps_s, faults)


def bounded(path: Path, blocks: Iterable[SoundBlock], max_s: float) -> Iterator[SoundBlock]:
    """Yield blocks; reject sound that is longer than `max_s` (`too_long`)."""
    start_s: float | None = None
    for block in blocks:
        start_s = block.start_s if start_s is None else start_s
        seconds = block.end_s - start_s
        if seconds > max_s:
            raise Rejection(
                "too_long",
                f"{path.name}: its sound lasts to {seconds:.0f} s by its times, at most "
                f"{max_s:.0f} s are read",
            )
        yield block


def check_length(path: Path, info: MediaInfo, decoded_s: float) -> None:
    """Reject sound that is shorter than its header says (`truncated_audio`)."""
    promised = info.audio_duration_s
    if promised is None and not info.has_video:
        promised = info.duration_s
    if promised is not None and decoded_s < promised - SHORT_AUDIO_S:
        raise Rejection(
            "truncated_audio",
            f"{path.name}: {decoded_s:.2f} s of sound could be decoded of the {promised:.2f} s its "
            f"header promises (limit {SHORT_AUDIO_S} s less)",
        )
