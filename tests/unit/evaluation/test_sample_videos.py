"""Sample videos of every emotion and one picture: true beside generated, condition first."""

from pathlib import Path

import av
import cv2
import numpy as np

from emotalk.evaluation.sample_videos import SampleVideo, sample_files, sample_grid, write_samples

FRAMES = 9


def sample(emotion: str, level: int) -> SampleVideo:
    frames = np.arange(FRAMES, dtype=np.uint8)[:, None, None, None]
    plain = np.zeros((FRAMES, 128, 128, 3), np.uint8)
    return SampleVideo(
        key=f"1001_{emotion}",
        emotion=emotion,
        condition_HWC=np.full((128, 128, 3), level, np.uint8),
        truth_THWC=plain + level + frames,
        generated_THWC=plain + level + 100 + frames,
        audio_S=np.zeros(FRAMES * 320, np.float32),
    )


def test_a_row_holds_the_condition_then_pairs_of_true_and_generated() -> None:
    grid = sample_grid([sample("anger", 10), sample("fear", 50)])
    tiles = grid.reshape(2, -1, 9, 128, 3)[:, 64, :, 64, 0]
    assert tiles.tolist() == [
        [10, 12, 112, 14, 114, 16, 116, 18, 118],
        [50, 52, 152, 54, 154, 56, 156, 58, 158],
    ]


def test_each_emotion_has_a_video_with_the_truth_to_the_left(tmp_path: Path) -> None:
    write_samples([sample("anger", 10), sample("fear", 50)], tmp_path / "samples")
    names = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert names == ["anger-1001_anger.mp4", "fear-1001_fear.mp4", "grid.png"]
    with av.open(str(tmp_path / "samples/fear-1001_fear.mp4")) as container:
        assert container.streams.audio
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    video = np.stack(frames)
    assert video.shape == (FRAMES, 128, 256, 3)
    assert abs(int(video[0, 64, 64, 0]) - 50) < 4
    assert abs(int(video[0, 64, 192, 0]) - 150) < 4
    grid = cv2.imread(str(tmp_path / "samples/grid.png"))
    assert grid is not None
    assert grid.shape == (2 * 142, 9 * 128, 3)


def test_nothing_is_written_where_there_is_nothing_to_show(tmp_path: Path) -> None:
    write_samples([], tmp_path / "samples")
    assert not (tmp_path / "samples").exists()


def test_what_else_lies_beside_the_samples_is_not_shown(tmp_path: Path) -> None:
    write_samples([sample("anger", 10)], tmp_path)
    for name in (".anger-1.mp4.part.mp4", "notes.txt", "grid.png.orig", "grid-old.png"):
        (tmp_path / name).touch()
    assert [path.name for path in sample_files(tmp_path)] == ["anger-1001_anger.mp4", "grid.png"]
