from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio.data_classes import FileData
from gradio.exceptions import Error

from emotalk.app.file_components import DrawnPicture, Film, Films, Picture, SaveButton, Sound

COMPONENTS = (Picture, Sound, Film, Films, SaveButton)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    return folder


@pytest.mark.parametrize("kind", COMPONENTS)
def test_files_of_the_server_are_passed_on_uncopied_and_no_others(kind: Any, folder: Path) -> None:
    component = kind()
    assert component.move_resource_to_block_cache(None) is None
    mine = folder / "a" / "me.png"
    assert component.move_resource_to_block_cache(mine) == str(mine)
    outside = folder.parent / "secret"
    outside.touch()
    (folder / "link").symlink_to(outside)
    for path in (
        "/etc/passwd",
        str(folder / ".." / "secret"),
        str(folder / "link"),
        "relative",
        "http://127.0.0.1:1/a.png",
        "https://example.com/a.png",
    ):
        with pytest.raises(Error, match="not uploaded here"):
            component.move_resource_to_block_cache(path)


@pytest.mark.parametrize("kind", [Picture, Sound, Film, SaveButton])
def test_nothing_is_opened_on_the_way_in(kind: Any, folder: Path) -> None:
    missing = str(folder / "a.eps")
    assert kind().preprocess(FileData(path=missing)) == missing
    assert kind().preprocess(None) is None
    assert list(folder.iterdir()) == [], "and no file is left"


def test_a_drawn_picture_needs_no_file(folder: Path) -> None:
    sent = DrawnPicture().postprocess(np.zeros((8, 8, 3), np.uint8))
    assert sent is not None
    assert sent.path is None
    assert str(sent.url).startswith("data:image/jpeg;base64,")
    assert list(folder.iterdir()) == []
