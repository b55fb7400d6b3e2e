"""A window that follows another clip hears one recording: that clip's end, then its own clip."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotalk.data.batch import ClipBatch
from emotalk.errors import WrongUse
from emotalk.schema import SAMPLES_PER_FRAME, Floats
from emotalk.shards.reader import DataFault
from tests.helpers.loader import loader_of, taken
from tests.helpers.shard_set import MadeClip, Members, made_clips, made_members, write_shard_set

FRAMES, MARGIN = 8, 2
CLIPS = made_clips(5, frames=(12, 30))
LENGTHS = {number: clip.frames for number, clip in enumerate(CLIPS)}
PER_CLIP = 100  # more than the longest clip's frames
SCALE = 2.0**-15  # of a number in 16-bit sound


def numbered(clip: MadeClip) -> Members:
    """Return the members of a sample each frame of whose sound says its clip and its number."""
    first = (CLIPS.index(clip) + 1) * PER_CLIP
    numbers = np.repeat(first + np.arange(clip.frames), SAMPLES_PER_FRAME)
    return made_members(clip, sound=(numbers * SCALE).astype(np.float32))


def heard(sound_S: Floats) -> list[tuple[int, int] | None]:
    """Return the clip and the frame of each frame of a sound, None where it is zero."""
    numbers = np.round(sound_S / SCALE).astype(int).reshape(-1, SAMPLES_PER_FRAME)
    assert (numbers == numbers[:, :1]).all(), "frames are whole"
    split = [divmod(int(number), PER_CLIP) for number in numbers[:, 0]]
    return [None if clip == 0 else (clip - 1, frame) for clip, frame in split]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shard_set(tmp_path_factory.mktemp("set"), [("train", CLIPS)], members_of=numbered)


def batches(folder: Path, share: float, steps: int = 20, **more: Any) -> list[ClipBatch]:
    loader = loader_of(
        folder, batch_size=5, frames=FRAMES, speech_level="none", preceding_speech=share,
        cache_mib=100, **{"speech_margin_frames": MARGIN, **more},
    )  # fmt: skip
    return taken(loader, steps)


def test_a_window_follows_the_end_of_another_clip_without_a_gap(folder: Path) -> None:
    """Every frame is followed by the next of its clip, or the last of a clip by the own first."""
    before = set()
    for batch in batches(folder, share=1.0):
        assert batch.preceding_BS is not None
        assert batch.preceding_BS.shape == batch.speech_BS.shape
        for row, key in enumerate(batch.keys):
            own = [clip.key for clip in CLIPS].index(key)
            sound_S = np.concatenate([batch.preceding_BS[row], batch.speech_BS[row]])
            frames = heard(sound_S)
            first = int(batch.landmarks_BTLP[row, 0, 0, 0])  # of the video
            assert frames[FRAMES + 2 * MARGIN + MARGIN] == (own, first)
            for one, following in itertools.pairwise(frames):
                if one is None:  # before both clips, or after the own one
                    assert following is None or (following[1] == 0 and following[0] != own)
                elif one[1] + 1 < LENGTHS[one[0]]:
                    assert following == (one[0], one[1] + 1)
                else:
                    assert following == ((own, 0) if one[0] != own else None)
            before |= {one[0] for one in frames if one is not None and one[0] != own}
    assert before == set(LENGTHS)


def test_another_clips_speech_follows_the_same_recording(folder: Path) -> None:
    """Or digital silence before it would tell it from the own one."""
    found = 0
    for batch in batches(folder, share=1.0, other_speech=True):
        assert batch.other_speech_BS is not None
        for row, key in enumerate(batch.keys):
            own = [clip.key for clip in CLIPS].index(key)
            frames = heard(batch.other_speech_BS[row].numpy())
            (other,) = {frame[0] for frame in frames[MARGIN : MARGIN + FRAMES] if frame is not None}
            assert other != own
            if (other, 0) in frames[1:]:  # the margin reaches back beyond the other clip
                place = frames.index((other, 0), 1)
                assert frames[place - 1] in {(clip, LENGTHS[clip] - 1) for clip in LENGTHS}
                found += 1
    assert found, "some windows begin at the beginning of the other clip"


@pytest.mark.parametrize("margin", [0, 14, 200])
def test_margins_may_be_longer_than_all_that_comes_before(folder: Path, margin: int) -> None:
    for batch in batches(folder, share=1.0, speech_margin_frames=margin):
        assert batch.preceding_BS is not None
        assert batch.preceding_BS.shape[1] == (FRAMES + 2 * margin) * SAMPLES_PER_FRAME
        for row in range(len(batch.keys)):
            sound_S = np.concatenate([batch.preceding_BS[row], batch.speech_BS[row]])
            frames = [frame for frame in heard(sound_S) if frame is not None]
            assert frames.count(frames[-1]) == 1
            first = int(batch.landmarks_BTLP[row, 0, 0, 0])
            assert heard(batch.speech_BS[row].numpy())[margin][1] == first  # type: ignore[index]


def test_a_window_without_another_clip_before_it_is_the_same_as_ever(folder: Path) -> None:
    for batch, cold in zip(batches(folder, 0.5), batches(folder, 0.0), strict=True):
        assert batch.preceded_B is not None
        assert batch.preceding_BS is not None
        assert cold.preceding_BS is None
        assert cold.preceded_B is None
        assert batch.landmarks_BTLP.equal(cold.landmarks_BTLP)
        alone_B = ~batch.preceded_B
        assert batch.speech_BS[alone_B].equal(cold.speech_BS[alone_B])
        assert not batch.preceding_BS[alone_B].any()
        own_BS = cold.speech_BS != 0
        assert batch.speech_BS[own_BS].equal(cold.speech_BS[own_BS])


def test_as_many_windows_follow_another_clip_as_asked_for(folder: Path) -> None:
    drawn = np.concatenate([batch.preceded_B for batch in batches(folder, 0.25, steps=120)])
    assert 0.25 - 0.053 < drawn.mean() < 0.25 + 0.053  # 3 deviations of 600 draws
    again = np.concatenate([batch.preceded_B for batch in batches(folder, 0.25, steps=120)])
    assert (drawn == again).all()


def test_a_clip_follows_another_whatever_rank_reads_it(folder: Path) -> None:
    options: dict[str, Any] = {"frames": FRAMES, "preceding_speech": 0.5, "batch_size": 4}
    (whole,) = taken(loader_of(folder, **options), 1)
    for rank in range(2):
        (half,) = taken(loader_of(folder, rank=rank, world_size=2, **options), 1)
        rows = slice(2 * rank, 2 * rank + 2)
        assert whole.preceding_BS is not None
        assert whole.preceded_B is not None
        assert half.preceding_BS is not None
        assert half.preceded_B is not None
        assert half.preceded_B.equal(whole.preceded_B[rows])
        assert half.preceding_BS.equal(whole.preceding_BS[rows])
        assert half.speech_BS.equal(whole.speech_BS[rows])


def test_a_set_of_one_clip_is_refused(tmp_path: Path) -> None:
    folder = write_shard_set(tmp_path / "set", [("train", CLIPS[:1])])
    with pytest.raises(WrongUse, match=r"one usable clip.*data\.preceding_speech"):
        loader_of(folder, frames=FRAMES, batch_size=1, preceding_speech=0.1)


def test_a_clip_whose_predecessor_is_damaged_is_named_with_it(tmp_path: Path) -> None:
    def damaged(clip: MadeClip) -> Members:
        return made_members(clip) | ({"flac": b"no sound"} if clip is CLIPS[1] else {})

    folder = write_shard_set(tmp_path / "set", [("train", CLIPS[:2])], members_of=damaged)
    loader = loader_of(folder, frames=FRAMES, batch_size=2, preceding_speech=1.0)
    with pytest.raises(DataFault, match="misses another clip's speech"):
        taken(loader, 4)
