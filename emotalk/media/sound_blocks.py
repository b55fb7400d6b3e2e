"""The decoded sound of a file in blocks, each placed by its own time.

Every packet is decoded, through errors, and what it yields is placed where its time stamp says: a
gap stays a gap, an overlap is cut. Stamps are rounded (to a millisecond in Matroska and FLV) and
some recorders' jitter, so a block that is merely a little off follows the one before it.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np

from emotalk.media.allowed_formats import SOUND
from emotalk.media.container import MediaInfo, open_media, sound_stream, unreadable
from emotalk.media.stamp_wrap import FLV, unwrapped
from emotalk.schema import Floats, Rejection

MOST_RATE = 1_000_000  # samples a second
MOST_CHANNELS = 64
JOINED = 2**14  # samples: what is done to a block costs as much for a few as for many
LOOK_AHEAD = 3  # blocks that tell a step in time from the jitter of one stamp
STEP_S = 0.008  # so much off, and the next ones as much, is a step; shorter than any codec's block
STEADY_S = 0.003  # as much: within this
JITTER_S = 0.02  # so much off is a step whatever the next ones are, unless they return
REPEATED = 2  # blocks with one time that still tell something
MOST_CUT_S = 1.0  # more than is kept: so much of the sound may lie under other sound
BACKWARDS_S = 1.0  # times that run back by more are no overlap: the clock was set anew


@dataclass(frozen=True)
class SoundBlock:
    """Decoded sound at one place.

    Attributes:
        start_s: when the first sample is heard, on the container's clock.
        rate: samples a second; may change from block to block.
        samples_SC: float in [-1, 1], one column a channel; their number may change, too.
        follows: it begins with the very sample after the last one of the block before.
    """

    start_s: float
    rate: int
    samples_SC: Floats
    follows: bool = False

    @property
    def end_s(self) -> float:
        """Return the time of the end of the last sample in seconds."""
        return self.start_s + len(self.samples_SC) / self.rate


@dataclass
class SoundFaults:
    """Faults met while decoding a file's sound.

    Attributes:
        packets: that could not be decoded.
        cut_s: sound that lay under other sound and was cut.
    """

    packets: int = 0
    cut_s: float = 0.0


def decode_sound_blocks(
    path: Path, info: MediaInfo, faults: SoundFaults | None = None
) -> Iterator[SoundBlock]:
    """Yield a file's sound in the order of time, less than a second at once.

    Takes constant memory, however long the file and its gaps are.

    Args:
        path: the file.
        info: what `probe` says of it.
        faults: counts what could not be decoded.

    Raises:
        Rejection: `no_audio`, `unreadable` where nothing can be decoded, `no_times` where the times
            run back or leave no room for most of the sound: it cannot be known where it belongs.
    """
    if not info.has_audio:
        raise Rejection("no_audio", f"{path.name}: holds no audio stream")
    faults = SoundFaults() if faults is None else faults
    placer = _Placer(faults, one_clock=info.has_video)
    any_found = False
    try:
        for block in _joined(placer.place(_timed_once(_decoded(path, faults)))):
            any_found = True
            yield block
    except TimesDisagree as error:
        raise Rejection("no_times", f"{path.name}: {error}") from None
    if not any_found:
        raise Rejection("no_audio", f"{path.name}: the audio stream holds no sample")


class TimesDisagree(Exception):  # noqa: N818  the file's fault, told as a rejection
    """The times of the sound run back, or leave too little room for it."""


@dataclass(frozen=True)
class _Decoded:
    """A block as it was decoded: `stamp_s` is None where it carries no time."""

    stamp_s: float | None
    rate: int
    samples_SC: Floats

    @property
    def length_s(self) -> float:
        return len(self.samples_SC) / self.rate


def _decoded(path: Path, faults: SoundFaults) -> Iterator[_Decoded]:
    """Yield what the decoder makes of each packet; those that it refuses are counted.

    By PyAV: decord sums stereo 1.4 times too loud, and its separate channels are not to be trusted.
    """
    any_decoded = False
    failure: Exception | None = None
    try:
        with open_media(path) as container:
            stream = sound_stream(container)
            to_float: dict[tuple[str, str, int], av.AudioResampler] = {}
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except av.FFmpegError as error:
                    faults.packets += 1
                    failure = error
                    continue
                for frame in frames:
                    if frame.samples:
                        any_decoded = True
                        yield _as_floats(frame, to_float, container.format.name)
                if not packet.size and packet.pts is None and packet.dts is None:
                    break  # the decoder is flushed
    except (av.FFmpegError, OSError, ValueError) as error:
        failure = error  # the rest of the file is not there; the length tells how much
    if failure is not None and not any_decoded:
        raise unreadable(path, failure) from None


def _timed_once(blocks: Iterable[_Decoded]) -> Iterator[_Decoded]:
    """Yield blocks, all but the first without a time where three or more in a row carry the same.

    Some writers give one time to several blocks; that of two is told apart by those about them.
    """
    stamp_s: float | None = None
    second: _Decoded | None = None  # of a row that may have no third
    row = 0
    for block in blocks:
        row = row + 1 if block.stamp_s is not None and block.stamp_s == stamp_s else 1
        stamp_s = block.stamp_s
        if second is not None:
            yield replace(second, stamp_s=None) if row > REPEATED else second
            second = None
        if row == REPEATED:
            second = block
        else:
            yield replace(block, stamp_s=None) if row > REPEATED else block
    if second is not None:
        yield second


def _as_floats(
    frame: av.AudioFrame,
    to_float: dict[tuple[str, str, int], av.AudioResampler],
    format_name: str,
) -> _Decoded:
    """Return a frame's samples as they are, one column a channel.

    Packed, but for the floats of one or two channels that most decoders give: PyAV's view of the
    planes ends the process where there are 8 channels or more.

    Raises:
        ValueError: a rate or a number of channels that no recording has.
    """
    rate, channels = frame.sample_rate, frame.layout.nb_channels
    if not 0 < rate <= MOST_RATE or not 0 < channels <= MOST_CHANNELS:
        raise ValueError(f"sound of {channels} channels at {rate} Hz")
    time_s = _time_s(frame, format_name)
    if channels <= 2 and frame.format.name == "fltp":
        return _Decoded(time_s, rate, frame.to_ndarray().T)
    form = (frame.format.name, frame.layout.name, rate)
    if form not in to_float:
        to_float.clear()
        to_float[form] = av.AudioResampler(format="flt", rate=rate)
    parts = [part.to_ndarray().reshape(-1, channels) for part in to_float[form].resample(frame)]
    samples_SC = np.concatenate(parts) if len(parts) != 1 else parts[0]
    return _Decoded(time_s, rate, np.asarray(samples_SC, np.float32))


def _time_s(frame: av.AudioFrame, format_name: str) -> float | None:
    """Return when a block is heard by its own stamp; in bare sound FFmpeg has only counted."""
    if format_name in SOUND:
        return None
    if frame.pts is None or format_name != FLV:
        return None if frame.time is None else float(frame.time)
    return float(unwrapped(frame.pts, format_name) * frame.time_base)


def _joined(blocks: Iterable[SoundBlock]) -> Iterator[SoundBlock]:
    """Yield blocks of one form that follow one another as one, up to `JOINED` samples."""
    run: list[SoundBlock] = []
    held = 0
    for block in blocks:
        form = (block.rate, block.samples_SC.shape[1])
        if run and (
            held >= JOINED or not block.follows or form != (run[0].rate, run[0].samples_SC.shape[1])
        ):
            yield _as_one(run)
            run, held = [], 0
        run.append(block)
        held += len(block.samples_SC)
    if run:
        yield _as_one(run)


def _as_one(run: list[SoundBlock]) -> SoundBlock:
    samples_SC = np.concatenate([block.samples_SC for block in run])
    return SoundBlock(run[0].start_s, run[0].rate, samples_SC, run[0].follows)


class _Placer:
    """Puts decoded blocks one after the other, or where their time says when that differs."""

    def __init__(self, faults: SoundFaults, *, one_clock: bool) -> None:
        """Begin before the first block.

        Args:
            faults: counts what is cut.
            one_clock: a picture shares the clock. Without one, times that are set back are the
                beginning of a further recording in the same file.
        """
        self._faults = faults
        self._one_clock = one_clock
        self._waiting: deque[_Decoded] = deque()
        self._end_s: float | None = None
        self._placed_s = 0.0
        self._run_start_s, self._run_samples, self._run_rate = 0.0, 0, 0

    def place(self, blocks: Iterable[_Decoded]) -> Iterator[SoundBlock]:
        """Yield the blocks at their places."""
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
        """Refuse times that put most of the sound where other sound is, before all is decoded."""
        cut_s = self._faults.cut_s
        if cut_s > self._placed_s + MOST_CUT_S:
            raise TimesDisagree(
                f"by its times {cut_s:.2f} s of the sound lie under other sound, and "
                f"{self._placed_s:.2f} s do not"
            )

    def _start_of(self, block: _Decoded) -> float | None:
        """Return when a block starts, or None where it follows the one before."""
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

    def _first_start(self, block: _Decoded) -> float:
        """Return when the sound begins: before the second block, whatever the first one's stamp.

        Without an edit list the encoder's priming samples are stamped apart from the sound.
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
        """Return how far off the next blocks are from following one another after `end_s`."""
        off_s = []
        for other in self._waiting:
            if other.stamp_s is not None:
                off_s.append(other.stamp_s - end_s)
            end_s += other.length_s
        return off_s
