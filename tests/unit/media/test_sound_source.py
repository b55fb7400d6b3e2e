"""Sound in a temporary file equals sound in memory."""

import numpy as np

from emotalk.media.sound_source import SoundInMemory, SpooledSound, blocks_of
from tests.helpers.sound import read_all

RAMP = np.linspace(-1, 1, 1000, dtype=np.float32)


def test_a_file_and_memory_give_the_same_pieces() -> None:
    spooled = SpooledSound()
    spooled.add(0, RAMP[:300])
    spooled.add(300, RAMP[300:])
    for source in (spooled, SoundInMemory(RAMP)):
        assert source.size == 1000
        np.testing.assert_array_equal(read_all(source), RAMP)
        np.testing.assert_array_equal(np.concatenate(list(blocks_of(source, 77))), RAMP)
        np.testing.assert_array_equal(source.read(990, 50), RAMP[990:])
        assert source.read(2000, 50).size == 0


def test_gaps_are_silence_overlaps_add_up_and_nothing_lies_before_the_start() -> None:
    spooled = SpooledSound()
    spooled.add(-3, np.full(5, 0.25, np.float32))
    spooled.add(6, np.full(2, 0.5, np.float32))
    spooled.add(7, np.full(2, 0.75, np.float32))
    spooled.add(-9, RAMP[:4])
    assert read_all(spooled).tolist() == [0.25, 0.25, 0, 0, 0, 0, 0.5, 1.0, 0.75]  # 1.25 is clipped
