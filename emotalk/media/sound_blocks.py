"""Place the decoded sound of a file on its clock, block by block.

Each block is placed at its time stamp: a gap stays a gap, an overlap is cut. Since time stamps are
rounded (to a millisecond in Matroska and FLV) and may have jitter, a block with a small deviation
directly follows the one before it.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotalk.media.container import MediaInfo
from emotalk.media.sound_decoder import (
    DecodedBlock,
    SoundFaults,
    decode_blocks,
    drop_repeated_stamps,
)
from emotalk.schema import Floats, Rejection

JOINED = 2**14  # samples of joined blocks; each block has a constant cost of processing
LOOK_AHEAD = 3  # blocks that distinguish a step in time from the jitter of one time stamp
STEP_S = 0.008  # a larger deviation, equal in the next blocks, is a step; below any codec's block
STEADY_S = 0.003  # largest difference of deviations that count as equal
JITTER_S = 0.02  # a larger deviation is a step, unless the next blocks have none
MAX_CUT_S = 1.0  # by so much may the cut sound exceed the kept sound
BACKWARDS_S = 1.0  # a larger step back is no overlap: the clock was reset


@dataclass(frozen=True)
class SoundBlock:
    """Hold decoded sound and its place on the clock."""

    start_s: float  # time of the first sample, on the container's clock
    rate: int  # samples a second; may change from block to block
    samples_SC: Floats  # float in [-1, 1], one column a channel; their number may change, too
    follows: bool = False  # it starts directly after the last sample of the block before

    @property
    def end_s(self) -> float:
        """Return the end of the last sample in seconds."""
        return self.start_s + len(self.samples_SC) / self.rate


def decode_sound_blocks(
    path: Path,
    info: MediaInfo,
    faults: SoundFaults | None = None,
    from_s: float | None = None,
) -> Iterator[SoundBlock]:
    """Yield a file's sound in the order of time, in blocks of less than a second.

    It needs constant memory for files and gaps of any length. The counts of `faults` are
    increased. With `from_s` it seeks first; see `decode_blocks`.

    Raises:
        Rejection: `no_audio`; `unreadable` where nothing can be decoded; `no_times` where the times
            run back or most of the sound overlaps other sound.
    """
    if not info.has_audio:
        raise Rejection("no_audio", f"{path.name}: holds no audio stream")
    faults = SoundFaults() if faults is None else faults
    placer = _Placer(faults, one_clock=info.has_video)
    any_found = False
    decoded = decode_blocks(path, faults, from_s)
    try:
        for block in _joined(placer.place(drop_repeated_stamps(decoded))):
            any_found = True
            yield block
    except TimesDisagree as error:
        raise Rejection("no_times", f"{path.name}: {error}") from None
    if not any_found:
        raise Rejection("no_audio", f"{path.name}: the audio stream holds no sample")


class TimesDisagree(Exception):  # noqa: N818  becomes a rejection of the file
    """Times of the sound run back, or most of it overlaps."""


def _joined(blocks: Iterable[SoundBlock]) -> Iterator[SoundBlock]:
    """Yield joined blocks of one rate and number of channels that follow each other."""
    run: list[SoundBlock] = []
    held = 0
    for block in blocks:
        form = (block.rate, block.samples_SC.shape[1])
        if run and (
            held >= JOINED or not block.follows or form != (run[0].rate, run[0].samples_SC.shape[1])
        ):
            yield _join(run)
            run, held = [], 0
        run.append(block)
        held += len(block.samples_SC)
    if run:
        yield _join(run)


def _join(run: list[SoundBlock]) -> SoundBlock:
    samples_SC = np.concatenate([block.samples_SC for block in run])
    return SoundBlock(run[0].start_s, run[0].rate, samples_SC, run[0].follows)


class _Placer:
    """Place decoded blocks directly after each other, or at their time stamp."""

    def __init__(self, faults: SoundFaults, *, one_clock: bool) -> None:
        """Start before the first block. The counts of `faults` are increased.

        With `one_clock` video shares the clock. Without video, a clock that was reset is the start
        of another recording in the same file.
        """
        self._faults = faults
        self._one_clock = one_clock
        self._waiting: deque[DecodedBlock] = deque()
        self._end_s: float | None = None
        self._placed_s = 0.0
        self._run_start_s, self._run_samples, self._run_rate = 0.0, 0, 0

    def place(self, blocks: Iterable[DecodedBlock]) -> Iterator[SoundBlock]:
        """Yield the blocks with their places."""
        for block in blocks:
            self._waiting.append(block)
            if len(self._waiting) > LOOK_AHEAD:
                yield from self._next()
        while self._waiting:
            yield from self._next()

    def _next(self) -> Iterator[SoundBlock]:
        block = self._waiting.popleft()
        start_s, samples_SC = self._start_of(block), block.samples_SC
        follows = start_s is None
        if self._end_s is not None and start_s is not None and start_s < self._end_s:
            cut = min(len(samples_SC), round((self._end_s - start_s) * block.rate))
            self._faults.cut_s += cut / block.rate
            self._check_cut()
            samples_SC, follows = samples_SC[cut:], True
            if not samples_SC.size:
                return
        if start_s is not None and not follows:
            self._run_start_s, self._run_samples, self._run_rate = start_s, 0, block.rate
        elif block.rate != self._run_rate and self._end_s is not None:
            self._run_start_s, self._run_samples, self._run_rate = self._end_s, 0, block.rate
        at_s = self._run_start_s + self._run_samples / block.rate
        self._placed_s += len(samples_SC) / block.rate
        self._run_samples += len(samples_SC)
        self._end_s = self._run_start_s + self._run_samples / block.rate
        yield SoundBlock(at_s, block.rate, samples_SC, follows)

    def _check_cut(self) -> None:
        """Raise TimesDisagree as soon as most of the sound overlaps other sound."""
        cut_s = self._faults.cut_s
        if cut_s > self._placed_s + MAX_CUT_S:
            raise TimesDisagree(
                f"by its times {cut_s:.2f} s of the sound lie under other sound, and "
                f"{self._placed_s:.2f} s do not"
            )

    def _start_of(self, block: DecodedBlock) -> float | None:
        """Return the time at which to place a block, None directly after the one before."""
        if self._end_s is None:
            return self._first_start(block)
        if block.stamp_s is None:
            return None
        off_s = block.stamp_s - self._end_s
        if abs(off_s) <= STEP_S:
            return None
        next_off_s = self._next_off_s(self._end_s + block.length_s)
        if off_s < -BACKWARDS_S and all(other < -BACKWARDS_S for other in next_off_s):
            if self._one_clock:
                raise TimesDisagree(f"the times of the sound run back by {-off_s:.2f} s")
            return None
        steady = bool(next_off_s) and all(abs(o - off_s) <= STEADY_S for o in next_off_s)
        returns = any(abs(other) <= STEP_S for other in next_off_s)
        if steady or (abs(off_s) > JITTER_S and not returns):
            return block.stamp_s
        return None

    def _first_start(self, block: DecodedBlock) -> float:
        """Return the start of the sound, by the time stamps of the blocks after the first.

        Without an edit list the first block's time stamp can be apart from the others: it holds the
        encoder's priming samples.
        """
        starts = []
        since_s = block.length_s
        for other in self._waiting:
            if other.stamp_s is not None:
                starts.append(other.stamp_s - since_s)
            since_s += other.length_s
        own_s = block.stamp_s
        if not starts:
            return own_s or 0.0
        agree = max(starts) - min(starts) <= STEADY_S
        if own_s is None or (agree and abs(starts[0] - own_s) > STEP_S):
            return starts[0]
        return own_s

    def _next_off_s(self, end_s: float) -> list[float]:
        """Return the deviations of the next blocks from directly following `end_s`."""
        off_s = []
        for other in self._waiting:
            if other.stamp_s is not None:
                off_s.append(other.stamp_s - end_s)
            end_s += other.length_s
        return off_s
