import os
import sys
from pathlib import Path

import pytest

import emotalk.app
from emotalk.app import file_components, quiet_gradio
from emotalk.errors import WrongUse


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
