"""Decode the sound of a file of any length into a temporary file, in constant memory.

The samples equal those of `read_sound` to a millionth. They are resampled in blocks that overlap by
the filter's reach.
"""

from pathlib import Path

import numpy as np

from emotalk.media.container import probe
from emotalk.media.mixdown import ChannelStatistics, Mixdown
from emotalk.media.resample import grid_start
from emotalk.media.sound import (
    MAX_SOUND_S,
    bounded,
    check_length,
    fault_notes,
    mixdown_notes,
)
from emotalk.media.sound_blocks import SoundBlock, decode_sound_blocks
from emotalk.media.sound_decoder import SoundFaults
from emotalk.media.sound_source import SoundSource, SpooledSound, blocks_of
from emotalk.media.streaming_resample import StreamingResampler
from emotalk.schema import Floats


def spool_audio(path: Path, *, rate: int, max_s: float = MAX_SOUND_S) -> SpooledSound:
    """Return a file's sound from its first sample on, mono in [-1, 1] at `rate` Hz.

    The file is decoded twice: the mixing of its channels is known when all of it was read.

    Args:
        path: the file.
        rate: samples a second of the result.
        max_s: the longest sound to read, gaps included.

    Raises:
        Rejection: as `read_sound`.
        OSError: the temporary file cannot be written.
    """
    info = probe(path)
    faults, statistics = SoundFaults(), ChannelStatistics()
    start_s: float | None = None
    for block in bounded(path, decode_sound_blocks(path, info, faults), max_s):
        start_s = block.start_s if start_s is None else start_s
        end_s = block.end_s
        statistics.add(block.samples_SC)
    assert start_s is not None  # without sound decoding has raised `no_audio`
    check_length(path, info, end_s - start_s)
    mixdowns = statistics.mixdowns()
    zero_s = info.start_s if info.has_video else start_s
    spooler = _Spooler(rate, zero_s, first=round((start_s - zero_s) * rate))
    for block in decode_sound_blocks(path, info):
        spooler.write(block, mixdowns)
    sound = spooler.finish()
    sound.start_s = spooler.first / rate
    sound.channels = next(iter(mixdowns)) if len(mixdowns) == 1 else 1
    sound.unbroken = spooler.runs == 1 and faults == SoundFaults()
    sound.notes = (*fault_notes(faults), *mixdown_notes(mixdowns))
    return sound


def spool_stereo(path: Path, *, rate: int) -> tuple[SpooledSound, SpooledSound]:
    """Return left and right of a file that `spool_audio` has read and found to have two channels.

    Their time 0 and their length are those of its mono sound.

    Raises:
        OSError: a temporary file cannot be written.
    """
    info = probe(path)
    sides: tuple[_Spooler, _Spooler] | None = None
    for block in decode_sound_blocks(path, info):
        if sides is None:
            zero_s = info.start_s if info.has_video else block.start_s
            first = round((block.start_s - zero_s) * rate)
            sides = _Spooler(rate, zero_s, first), _Spooler(rate, zero_s, first)
        for channel, side in enumerate(sides):
            side.write(block, {2: Mixdown(channel)})
    assert sides is not None  # it has been read before
    return sides[0].finish(), sides[1].finish()


def spool_resampled(source: SoundSource, rate: int, new_rate: int) -> SpooledSound:
    """Return a source's sound at another rate, clipped to [-1, 1]."""
    target = SpooledSound()
    resampler = StreamingResampler(rate, new_rate)
    for block_S in blocks_of(source):
        for new_S in resampler.push(block_S):
            target.add(target.size, new_S)
    target.add(target.size, resampler.flush())
    return target


class _Spooler:
    """Resample runs without gaps, and write each at its time."""

    def __init__(self, rate: int, zero_s: float, first: int) -> None:
        """Start before the first block; `first` is the number of the first sample from `zero_s`."""
        self._rate, self._zero_s, self.first = rate, zero_s, first
        self._target = SpooledSound()
        self._resampler: StreamingResampler | None = None
        self._next = 0  # position of the next resampled block
        self.runs = 0  # stretches without gaps until now

    def write(self, block: SoundBlock, mixdowns: dict[int, Mixdown]) -> None:
        """Write the next block."""
        running = self._resampler
        if running is None or not block.follows or block.rate != running.rate:
            self._end_run()
            running = self._begin_run(block)
        mixdown = mixdowns.get(block.samples_SC.shape[1], Mixdown())
        for new_S in running.push(mixdown.apply(block.samples_SC)):
            self._add(new_S)

    def finish(self) -> SpooledSound:
        """Return the whole sound."""
        self._end_run()
        return self._target

    def _begin_run(self, block: SoundBlock) -> StreamingResampler:
        start = round((block.start_s - self._zero_s) * block.rate)
        before, first = grid_start(start, block.rate, self._rate)
        self._next = first - self.first
        self._resampler = StreamingResampler(block.rate, self._rate)
        self.runs += 1
        for new_S in self._resampler.push(np.zeros(before, np.float32)):
            self._add(new_S)
        return self._resampler

    def _end_run(self) -> None:
        if self._resampler is not None:
            self._add(self._resampler.flush())
            self._resampler = None

    def _add(self, new_S: Floats) -> None:
        self._target.add(self._next, new_S)
        self._next += new_S.size
