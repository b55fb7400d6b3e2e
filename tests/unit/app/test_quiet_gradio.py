import os
import sys
import tempfile
from pathlib import Path

import pytest

import emotalk.app
from emotalk.app import file_components, quiet_gradio
from emotalk.app.server import build_app
from emotalk.errors import WrongUse
from tests.helpers.tiny_model import tiny_loaded

# isort: split
from gradio import routes
from starlette.testclient import TestClient


def test_without_its_packages_the_page_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delitem(sys.modules, "emotalk.app.quiet_gradio")
    with pytest.raises(WrongUse, match=r"pip install 'emotalk\[app\]'"):
        __import__("emotalk.app.quiet_gradio")


def test_gradio_reports_nothing_and_writes_nothing_beside_our_modules() -> None:
    from gradio import analytics

    assert not analytics.analytics_enabled()
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert quiet_gradio.gradio.Image in file_components.Picture.__mro__
    assert list(Path(emotalk.app.__file__).parent.glob("*.pyi")) == []


def test_gradio_makes_no_folder_of_its_own_beside_that_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the system's temporary folder `gradio` may be another user's, which cannot be written."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    theirs = tmp_path / "gradio"
    theirs.touch()
    monkeypatch.setattr(routes, "DEFAULT_TEMP_DIR", str(theirs))
    app = build_app(tiny_loaded(), None, hosts=("testserver",))
    with TestClient(app) as client:
        assert client.get("/").status_code == 200
        assert [path for path in tmp_path.iterdir() if path != theirs] == [app.state.folder]
    assert list(tmp_path.iterdir()) == [theirs]
