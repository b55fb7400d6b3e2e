from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotalk.app import face_finder as module
from emotalk.app.face_choice import PictureFaces
from emotalk.app.face_finder import FaceFinder
from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse


def picture(folder: Path, size: int = 128) -> Path:
    path = folder / f"{size}.png"
    Image.new("RGB", (size, size), (200, 150, 120)).save(path)
    return path


def test_an_aligned_crop_is_taken_as_it_is(tmp_path: Path) -> None:
    for finder, aligned in ((FaceFinder(None), False), (FaceFinder(LandmarksConfig()), True)):
        faces = finder.faces(picture(tmp_path), aligned=aligned)
        assert faces.boxes == ()
        assert faces.shown_HWC.shape == (256, 256, 3), "large enough to see"
        assert (finder.crop(picture(tmp_path), 0, aligned=aligned) == (200, 150, 120)).all()
    with pytest.raises(WrongUse, match="64 x 64 pixels is no aligned crop"):
        FaceFinder(None).faces(picture(tmp_path, 64), aligned=False)


def test_a_picture_is_searched_once_and_few_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[Path] = []

    def search(path: Path, _detector: object) -> PictureFaces:
        searched.append(path)
        return PictureFaces(np.zeros((4, 4, 3), np.uint8), ())

    monkeypatch.setattr(module, "find_faces", search)
    monkeypatch.setattr(module, "KEPT", 2)
    finder = FaceFinder(LandmarksConfig())
    a, b, c = (tmp_path / name for name in "abc")
    for path in (a, a, b, a, c, a):
        finder.faces(path, aligned=False)
    assert searched == [a, b, c, a]
