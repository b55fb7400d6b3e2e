"""Every block of sound is placed at its time stamp."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotalk.media.container import probe
from emotalk.media.sound_blocks import (
    SoundBlock,
    TimesDisagree,
    _Placer,
    decode_sound_blocks,
)
from emotalk.media.sound_decoder import DecodedBlock, SoundFaults, drop_repeated_stamps
from emotalk.schema import Rejection
from tests.helpers.clips import RATE, tone
from tests.helpers.peak_memory import begin_peak, peak

BLOCK = 1024
HERTZ = 48_000
STEP_S = BLOCK / HERTZ


def placed(
    stamps_s: Sequence[float | None], *, one_clock: bool = True, rates: Sequence[int] = ()
) -> tuple[list[SoundBlock], SoundFaults]:
    """Place blocks of 1024 samples, each filled with its own number."""
    faults = SoundFaults()
    blocks = undecoded(stamps_s, rates=rates)
    return list(_Placer(faults, one_clock=one_clock).place(blocks)), faults


def undecoded(stamps_s: Sequence[float | None], *, rates: Sequence[int] = ()) -> list[DecodedBlock]:
    """Return blocks of 1024 samples as a decoder gives them."""
    return [
        DecodedBlock(stamp, rate, np.full((BLOCK, 1), number, np.float32))
        for number, (stamp, rate) in enumerate(
            zip(stamps_s, rates or [HERTZ] * len(stamps_s), strict=True)
        )
    ]


def starts(blocks: Sequence[SoundBlock]) -> list[float]:
    return [block.start_s for block in blocks]


def test_blocks_that_follow_one_another_stay_sample_by_sample() -> None:
    blocks, faults = placed([n * STEP_S for n in range(200)])
    assert [block.follows for block in blocks] == [False] + [True] * 199
    np.testing.assert_allclose(starts(blocks), np.arange(200) * STEP_S, atol=1e-9)
    assert faults == SoundFaults()


@pytest.mark.parametrize("jitter_s", [0.0005, 0.001, 0.007])
def test_stamps_that_are_rounded_or_jitter_make_no_gaps(jitter_s: float) -> None:
    rng = np.random.default_rng(1)
    stamps = [0.0, *(n * STEP_S + rng.uniform(-jitter_s, jitter_s) for n in range(1, 300))]
    blocks, faults = placed(stamps)
    assert sum(not block.follows for block in blocks) == 1
    assert faults.cut_s == 0


@pytest.mark.parametrize("gap_s", [0.02, 0.021, 0.15, 0.5, 100.0])
def test_a_gap_moves_what_comes_after_it(gap_s: float) -> None:
    stamps = [n * STEP_S + (gap_s if n >= 10 else 0) for n in range(20)]
    blocks, _ = placed(stamps)
    np.testing.assert_allclose(starts(blocks), stamps, atol=1e-9)
    assert [n for n, block in enumerate(blocks) if not block.follows] == [0, 10]


def test_packets_lost_one_by_one_are_gaps_one_by_one() -> None:
    kept = [n for n in range(60) if n % 5 != 4]
    blocks, _ = placed([n * STEP_S for n in kept])
    np.testing.assert_allclose(starts(blocks), [n * STEP_S for n in kept], atol=1e-9)


def test_one_stamp_that_is_off_moves_nothing() -> None:
    stamps = [n * STEP_S for n in range(30)]
    stamps[10] += 0.3
    stamps[20] -= 0.3
    blocks, _ = placed(stamps)
    np.testing.assert_allclose(starts(blocks), np.arange(30) * STEP_S, atol=1e-9)


def test_blocks_that_share_one_time_follow_the_first_of_them() -> None:
    stamps = [float(int(n / 8) * 8 * STEP_S) for n in range(200)]
    blocks = list(
        _Placer(SoundFaults(), one_clock=True).place(drop_repeated_stamps(undecoded(stamps)))
    )
    np.testing.assert_allclose(starts(blocks), np.arange(200) * STEP_S, atol=1e-9)
    whole = list(
        _Placer(SoundFaults(), one_clock=True).place(drop_repeated_stamps(undecoded([0.0] * 200)))
    )
    np.testing.assert_allclose(starts(whole), np.arange(200) * STEP_S, atol=1e-9)


def test_of_two_blocks_with_one_time_both_keep_it() -> None:
    stamps = [0.0, 1.0, 1.0, 2.0, 2.0, 2.0, None, None, None, 3.0, 3.0]
    timed = [block.stamp_s for block in drop_repeated_stamps(undecoded(stamps))]
    assert timed == [0.0, 1.0, 1.0, 2.0, None, None, None, None, None, 3.0, 3.0]


def test_every_second_stamp_a_block_late_moves_nothing() -> None:
    stamps = [(n + n % 2) * STEP_S for n in range(61)]
    blocks, faults = placed(stamps)
    np.testing.assert_allclose(starts(blocks), np.arange(61) * STEP_S, atol=1e-9)
    assert faults.cut_s == 0


def test_a_block_without_a_stamp_follows() -> None:
    stamps = [n * STEP_S if n % 3 == 0 else None for n in range(30)]
    blocks, _ = placed(stamps)
    np.testing.assert_allclose(starts(blocks), np.arange(30) * STEP_S, atol=1e-9)


def test_an_overlap_is_cut_where_the_earlier_sound_ends() -> None:
    back_s = 2.5 * STEP_S
    stamps = [n * STEP_S - (back_s if n >= 10 else 0) for n in range(20)]
    blocks, faults = placed(stamps)
    assert faults.cut_s == pytest.approx(back_s, abs=1 / HERTZ)
    numbers = np.concatenate([block.samples_SC[:, 0] for block in blocks])
    at = {n: int(np.flatnonzero(numbers == n)[0]) for n in (9, 12, 13)}
    assert at[13] / HERTZ == pytest.approx(stamps[13], abs=1 / HERTZ)  # at its own time again
    assert not (numbers == 10).any()
    assert (numbers == 12).sum() == BLOCK // 2


def test_priming_samples_stamped_apart_lie_before_the_sound() -> None:
    stamps = [0.0, *(0.08 + n * STEP_S for n in range(10))]
    blocks, _ = placed(stamps)
    assert blocks[0].start_s == pytest.approx(0.08 - STEP_S)
    assert blocks[1].follows


def test_a_clock_that_is_set_back_is_no_clock() -> None:
    stamps = [100 + n * STEP_S for n in range(20)] + [n * STEP_S for n in range(20)]
    with pytest.raises(TimesDisagree, match=r"run back by 100\.4"):
        placed(stamps)
    blocks, _ = placed(stamps, one_clock=False)  # two recordings in one file
    assert sum(len(block.samples_SC) for block in blocks) == 40 * BLOCK
    assert sum(not block.follows for block in blocks) == 1


@pytest.mark.parametrize("each_s", [0.0, 0.001, 0.4 * STEP_S])
def test_times_that_leave_no_room_for_the_sound_end_its_decoding(each_s: float) -> None:
    """A file of minutes may hold days of sound that all claim the same moment."""
    taken = itertools.count()

    def endless() -> Iterator[DecodedBlock]:
        for number in taken:
            assert number < 10 * HERTZ / BLOCK / (1 - each_s / STEP_S), "it goes on for ever"
            yield DecodedBlock(number * each_s, HERTZ, np.zeros((BLOCK, 1), np.float32))

    with pytest.raises(TimesDisagree, match="of the sound lie under other sound"):
        list(_Placer(SoundFaults(), one_clock=False).place(endless()))


def test_sound_that_is_said_twice_is_kept_once() -> None:
    stamps = [n // 2 * STEP_S for n in range(200)]  # every block with a copy: half is cut
    blocks, faults = placed(stamps)
    assert sum(len(block.samples_SC) for block in blocks) / HERTZ == pytest.approx(
        100 * STEP_S, abs=2 * STEP_S
    )
    assert faults.cut_s == pytest.approx(100 * STEP_S, abs=2 * STEP_S)


def test_another_rate_midway_goes_on_from_where_the_first_ends() -> None:
    rates = [48_000] * 5 + [24_000] * 5
    stamps = [0.0, *np.cumsum([BLOCK / rate for rate in rates])[:-1]]
    blocks, _ = placed(stamps, rates=rates)
    assert [block.rate for block in blocks] == rates
    np.testing.assert_allclose(starts(blocks), stamps, atol=1e-9)


def test_hours_of_sound_are_decoded_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        for _ in range(40):
            file.write(np.zeros(60 * RATE))  # 40 minutes: 150 MB as float32
    blocks = decode_sound_blocks(path, probe(path))
    next(blocks)
    before = begin_peak()
    seconds = sum(len(block.samples_SC) / block.rate for block in itertools.islice(blocks, 10**6))
    assert seconds > 2390
    assert peak() - before < 30 * 2**20


def test_what_cannot_be_decoded_on_the_way_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "speech.mp3"
    soundfile.write(path, tone(2.0, rate=44_100), 44_100, format="MP3")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(data)
    faults = SoundFaults()
    blocks = list(decode_sound_blocks(path, probe(path), faults))
    assert faults.packets > 0
    assert blocks[-1].end_s > 1.7  # the rest of the two seconds is heard


def test_a_file_without_sound_is_named(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    soundfile.write(path, np.zeros(0), RATE)
    with pytest.raises(Rejection):
        list(decode_sound_blocks(path, probe(path)))
