"""Each frame has its own time stamp, also where its packets have none."""

import numpy as np
import pytest

from emotalk.media.frame_times import read_frame_times
from emotalk.media.frames import read_video
from emotalk.schema import Rejection
from tests.helpers.shared import shared_data
from tests.media_matrix.onsets import FRAME_S, judge

FLASHES = (
    "concat_shift.mkv",
    "cut_copy_neg_0.16.mkv",
    "fragmented.mp4",
    "h264_b_times_every_2nd.ts",
    "late_video_0.24.mkv",
    "noeditlist.mp4",
    "sound_gap_0.15_aac.mp4",
    "vfr_half_one_double_stamp.flv",
)


@pytest.mark.parametrize("name", FLASHES)
def test_a_clip_from_the_field_keeps_its_flashes_at_its_beeps(name: str) -> None:
    verdict = judge(shared_data("data", "faults", "clips", name))
    assert verdict.reason is None
    assert verdict.pairs == 3
    assert verdict.worst_s <= FRAME_S / 4


def test_frames_between_stamped_ones_are_counted_at_the_stream_s_rate() -> None:
    times = read_frame_times(shared_data("data", "faults", "clips", "h264_b_times_every_2nd.ts"))
    np.testing.assert_allclose(times.times_s, 1.48 + np.arange(75) / 25, atol=1e-6)


def test_frames_with_times_before_0_are_counted_back() -> None:
    times = read_frame_times(shared_data("data", "faults", "clips", "cut_copy_neg_0.16.mkv"))
    np.testing.assert_allclose(times.times_s, -0.16 + np.arange(75) / 25, atol=1e-6)


@pytest.mark.parametrize("name", ["MemoryError_1193.flv", "flv_one_byte_new_stream_kills_job.flv"])
def test_a_damaged_flv_is_rejected_by_name(name: str) -> None:
    with pytest.raises(Rejection):
        list(read_video(shared_data("data", "faults", "clips", name)))
