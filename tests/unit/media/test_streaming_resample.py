"""Sound resampled in blocks equals sound resampled at once."""

import numpy as np
import pytest

from emotalk.media.resample import resample
from emotalk.media.streaming_resample import StreamingResampler
from emotalk.schema import Floats

RATES = [
    (48_000, 8_000), (8_000, 48_000), (44_100, 48_000), (44_100, 8_000), (16_000, 48_000),
    (11_025, 8_000), (8_000, 8_000), (7_999, 8_000), (44_101, 8_000),
]  # fmt: skip


def streamed(
    sound_S: Floats, rate: int, new_rate: int, cuts: list[int], block_s: float
) -> tuple[Floats, int]:
    resampler = StreamingResampler(rate, new_rate, block_s=block_s)
    parts = [part for piece in np.split(sound_S, cuts) for part in resampler.push(piece)]
    return np.concatenate([*parts, resampler.flush()]), len(parts)


@pytest.mark.parametrize(("rate", "new_rate"), RATES)
def test_pieces_give_the_samples_of_the_whole(rate: int, new_rate: int) -> None:
    random = np.random.default_rng(rate)
    sound_S = random.uniform(-1, 1, int(2.337 * rate) + 7).astype(np.float32)
    cuts = sorted(random.integers(0, sound_S.size, 9).tolist())
    found_S, parts = streamed(sound_S, rate, new_rate, cuts, 0.25)
    expected_S = resample(sound_S, rate, new_rate)
    assert found_S.size == expected_S.size
    np.testing.assert_allclose(found_S, expected_S, atol=1e-6)
    assert parts >= 3 or rate in (7_999, 44_101)  # a block is at least a second of these


@pytest.mark.parametrize("samples", [0, 1, 5, 441])
def test_a_recording_shorter_than_a_block_is_resampled_as_a_whole(samples: int) -> None:
    sound_S = np.linspace(-1, 1, samples, dtype=np.float32)
    found_S, _ = streamed(sound_S, 44_100, 8_000, [samples // 2], 30.0)
    np.testing.assert_array_equal(found_S, resample(sound_S, 44_100, 8_000))


def test_what_is_kept_does_not_grow() -> None:
    resampler = StreamingResampler(48_000, 8_000, block_s=0.1)
    second_S = np.zeros(48_000, np.float32)
    for _ in range(20):
        list(resampler.push(second_S))
        assert resampler._length < 0.2 * 48_000
