import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotalk.data.windows import cut_speech, normalise_level, other_clip, window_start


def test_windows_reach_every_start_that_fits() -> None:
    starts = [window_start(0, epoch, 0, "k", clip=30, window=25) for epoch in range(200)]
    assert set(starts) == set(range(6))


def test_a_window_as_long_as_the_clip_starts_with_it() -> None:
    assert window_start(7, 3, 0, "k", clip=25, window=25) == 0


@pytest.mark.parametrize(
    "changed", [(1, 0, 0, "k"), (0, 1, 0, "k"), (0, 0, 1, "k"), (0, 0, 0, "other")]
)
def test_windows_depend_on_seed_epoch_repeat_and_key(changed: tuple[int, int, int, str]) -> None:
    first = window_start(0, 0, 0, "k", clip=10**6, window=1)
    assert window_start(*changed, clip=10**6, window=1) != first
    assert window_start(0, 0, 0, "k", clip=10**6, window=1) == first


@given(
    clip=st.integers(1, 40), start=st.integers(0, 39), frames=st.integers(1, 40),
    margin=st.integers(0, 12),
)  # fmt: skip
def test_speech_is_the_windows_own_with_zeros_beyond_the_clip(
    clip: int, start: int, frames: int, margin: int
) -> None:
    if start + frames > clip:
        return
    audio = np.arange(1, clip * 320 + 1, dtype=np.float32)
    cut = cut_speech(audio, start=start, frames=frames, margin_frames=margin)
    assert cut.shape == ((frames + 2 * margin) * 320,)
    padded = np.concatenate([np.zeros(margin * 320), audio, np.zeros(margin * 320)])
    first = start * 320  # the padding moves everything by the margin
    np.testing.assert_array_equal(cut, padded[first : first + len(cut)])


def test_peak_level_divides_by_the_whole_clips_peak() -> None:
    audio = np.array([0.1, -0.5, 0.25], np.float32)
    np.testing.assert_allclose(normalise_level(audio, "peak"), [0.2, -1.0, 0.5], rtol=1e-6)
    np.testing.assert_array_equal(normalise_level(audio, "none"), audio)
    np.testing.assert_array_equal(normalise_level(np.zeros(4, np.float32), "peak"), np.zeros(4))


def test_another_clip_is_never_the_same_one() -> None:
    drawn = {other_clip(0, "x", place, "k", own=2, clips=5) for place in range(200)}
    assert drawn == {0, 1, 3, 4}
