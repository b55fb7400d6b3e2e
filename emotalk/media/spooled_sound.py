"""The sound of a file of any length in constant memory: decoded into a temporary file.

The samples are those of `read_sound`, to a millionth: decoded, mixed and placed by the same rules,
and resampled in blocks that overlap as far as the filter reaches.
"""

from collections.abc import Iterable
from math import gcd
from pathlib import Path

import numpy as np

from emotalk.media.container import MediaInfo, probe
from emotalk.media.mixdown import Mixdown, measure
from emotalk.media.sound import (
    MOST_SOUND_S,
    bounded,
    check_length,
    fault_notes,
    mixdown_notes,
)
from emotalk.media.sound_blocks import SoundBlock, SoundFaults, decode_sound_blocks
from emotalk.media.sound_source import SoundSource, SpooledSound, pieces_of
from emotalk.media.streaming_resample import StreamingResampler
from emotalk.schema import Floats


def spool_audio(path: Path, *, rate: int, most_s: float = MOST_SOUND_S) -> SpooledSound:
    """Return a file's sound from its own first moment on, mono in [-1, 1] at `rate` Hz.

    The file is decoded twice: what its channels have in common is known at its end.

    Args:
        path: the file.
        rate: samples a second of what is returned.
        most_s: the longest sound to read, gaps included.

    Raises:
        Rejection: as `read_sound`.
        OSError: the temporary file cannot be written.
    """
    info = probe(path)
    length = _Length(path, info)
    faults = SoundFaults()
    blocks = bounded(path, length.watched(decode_sound_blocks(path, info, faults)), most_s)
    mixdowns = measure(block.samples_SC for block in blocks)
    length.check()
    zero_s = info.start_s if info.has_video else length.start_s
    placer = _Placer(rate, zero_s, first=round((length.start_s - zero_s) * rate))
    for block in decode_sound_blocks(path, info):
        placer.place(block, mixdowns)
    sound = placer.finish()
    sound.notes = (*fault_notes(faults), *mixdown_notes(mixdowns))
    return sound


def spool_resampled(source: SoundSource, rate: int, new_rate: int) -> SpooledSound:
    """Return a source's sound at another rate, clipped to [-1, 1]."""
    target = SpooledSound()
    resampler = StreamingResampler(rate, new_rate)
    for piece_S in pieces_of(source):
        for new_S in resampler.push(piece_S):
            target.add(target.size, new_S)
    target.add(target.size, resampler.flush())
    return target


class _Length:
    """Begin and end of a file's sound, noted while it is decoded."""

    def __init__(self, path: Path, info: MediaInfo) -> None:
        self._path, self._info = path, info
        self.start_s = self.end_s = 0.0

    def watched(self, blocks: Iterable[SoundBlock]) -> Iterable[SoundBlock]:
        """Yield the blocks as they come."""
        for number, block in enumerate(blocks):
            self.start_s = block.start_s if number == 0 else self.start_s
            self.end_s = block.end_s
            yield block

    def check(self) -> None:
        """Reject sound that ends before the stream's index says."""
        check_length(self._path, self._info, self.end_s - self.start_s)


class _Placer:
    """Resamples stretches without a gap and adds each at its own place on the clock."""

    def __init__(self, rate: int, zero_s: float, first: int) -> None:
        """Begin before the first block.

        Args:
            rate: of the samples that are kept.
            zero_s: time 0 of the clock.
            first: sample of that clock which is kept as the first one.
        """
        self._rate, self._zero_s, self._first = rate, zero_s, first
        self._target = SpooledSound()
        self._resampler: StreamingResampler | None = None
        self._next = 0  # sample at which the next resampled block begins

    def place(self, block: SoundBlock, mixdowns: dict[int, Mixdown]) -> None:
        """Take a block after those before it."""
        running = self._resampler
        if running is None or not block.follows or block.rate != running.rate:
            self._end_stretch()
            running = self._begin_stretch(block)
        mixdown = mixdowns.get(block.samples_SC.shape[1], Mixdown())
        for new_S in running.push(mixdown.apply(block.samples_SC)):
            self._add(new_S)

    def finish(self) -> SpooledSound:
        """Return all sound."""
        self._end_stretch()
        return self._target

    def _begin_stretch(self, block: SoundBlock) -> StreamingResampler:
        """Begin at a sample of both rates at or before the block: each sample keeps its time."""
        divisor = gcd(block.rate, self._rate)
        own, other = block.rate // divisor, self._rate // divisor
        start = round((block.start_s - self._zero_s) * block.rate)
        before = start % own
        self._next = (start - before) // own * other - self._first
        self._resampler = StreamingResampler(block.rate, self._rate)
        for new_S in self._resampler.push(np.zeros(before, np.float32)):
            self._add(new_S)
        return self._resampler

    def _end_stretch(self) -> None:
        if self._resampler is not None:
            self._add(self._resampler.flush())
            self._resampler = None

    def _add(self, new_S: Floats) -> None:
        self._target.add(self._next, new_S)
        self._next += new_S.size
