"""A GIF shows every frame for its time, in steady colours, and ends as GIFs end."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotalk.media.gif import encode_gif, read_comment
from emotalk.schema import Bytes


def clip(frames: int = 30) -> Bytes:
    y, x = np.mgrid[:64, :96]
    still = np.stack([x * 2, y * 3, 255 - x * 2], -1).astype(np.uint8)
    moving = np.repeat(still[None], frames, 0)
    for index in range(frames):
        moving[index, 20:30, 10 + index : 20 + index] = (250, 30, 30)
    return moving


def read(path: Path) -> tuple[list[Bytes], set[int], int]:
    with Image.open(path) as image:
        shown, times = [], set()
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            shown.append(np.asarray(image.convert("RGB")))
            times.add(image.info["duration"])
        return shown, times, image.info["loop"]


def test_every_frame_is_shown_for_a_25th_of_a_second_again_and_again(tmp_path: Path) -> None:
    encode_gif(tmp_path / "a.gif", iter(clip()), fps=25, comment="made")
    shown, times, loop = read(tmp_path / "a.gif")
    assert (len(shown), times, loop) == (30, {40}, 0)
    assert np.abs(np.stack(shown).astype(int) - clip()).mean() < 6


def test_what_stands_still_does_not_shimmer(tmp_path: Path) -> None:
    encode_gif(tmp_path / "a.gif", iter(clip()), fps=25, comment="made")
    shown = np.stack(read(tmp_path / "a.gif")[0])
    assert np.ptp(shown[:, 40:], axis=0).max() == 0


@pytest.mark.parametrize("comment", ["", "short", "müde \x1b[2J" + "x" * 1000])
def test_the_comment_is_read_back(tmp_path: Path, comment: str) -> None:
    encode_gif(tmp_path / "a.gif", iter(clip(3)), fps=25, comment=comment)
    assert read_comment(tmp_path / "a.gif") == comment.replace("\x1b", "\\x1b")
    assert (tmp_path / "a.gif").read_bytes()[-1:] == b"\x3b"
    with Image.open(tmp_path / "a.gif") as image:
        image.seek(2)


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.gif", "b.gif"):
        encode_gif(tmp_path / name, iter(clip(5)), fps=25, comment="made")
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x21\xfe", b"\x21\xfe\xffab", b"\x00" * 999])
def test_a_file_without_a_comment_has_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.gif").write_bytes(content)
    assert read_comment(tmp_path / "a.gif") in ("", "ab")


def test_no_frames_and_a_failure_leave_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[Bytes]:
        yield from clip(26)
        raise RuntimeError("no more")

    with pytest.raises(ValueError, match="no frames"):
        encode_gif(tmp_path / "a.gif", iter(()), fps=25, comment="")
    with pytest.raises(RuntimeError, match="no more"):
        encode_gif(tmp_path / "a.gif", broken(), fps=25, comment="")
    assert list(tmp_path.iterdir()) == []
