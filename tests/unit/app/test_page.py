from typing import Any

import pytest

from emotalk.app.look import style
from emotalk.app.page import build_page
from emotalk.app.page_events import PageEvents
from emotalk.app.quiet_gradio import gradio as gr
from emotalk.checkpoints.format import DataFacts, ModelFacts
from tests.helpers.tiny_model import tiny_facts


class NoEvents(PageEvents):
    """Handlers that are named and never called."""

    def __init__(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))


def facts_with(**changes: Any) -> ModelFacts:
    return tiny_facts().model_copy(update=changes)


def page_of(facts: ModelFacts, *, finds_faces: bool = True) -> Any:
    return build_page(facts, "200 MiB", [], NoEvents(), finds_faces=finds_faces)


def component(page: Any, name: str) -> Any:
    (found,) = [block for block in page.blocks.values() if getattr(block, "elem_id", "") == name]
    return found


def test_the_emotions_of_the_model_are_the_buttons() -> None:
    page = page_of(facts_with(emotions=("neutral", "surprise")))
    assert [value for _, value in component(page, "emotion").choices] == ["neutral", "surprise"]
    assert component(page, "emotion").value == "neutral"


@pytest.mark.parametrize("graded", [True, False])
def test_intensity_is_absent_where_the_model_has_none(graded: bool) -> None:
    page = page_of(facts_with(use_intensity=graded))
    assert component(page, "intensity").visible is graded


def test_all_side_by_side_is_offered_only_where_all_were_learnt() -> None:
    assert len(component(page_of(tiny_facts()), "how").choices) == 3
    data = DataFacts(
        manifest_sha256="0" * 64,
        corpus="folder",
        landmarks="onnx",
        clips=4,
        actors=1,
        emotions=("neutral",),
    )
    page = page_of(facts_with(data=data))
    assert [value for _, value in component(page, "how").choices] == ["one", "changing"]
    labels = [label for label, _ in component(page, "emotion").choices]
    assert "fear (never learnt)" in labels
    assert "neutral" in labels


def test_without_a_face_finder_there_is_no_whole_picture() -> None:
    assert component(page_of(tiny_facts()), "frame").value == "picture"
    frame = component(page_of(tiny_facts(), finds_faces=False), "frame")
    assert (frame.visible, frame.value) == (False, "crop")


def test_programs_see_one_call_and_no_file_is_given_by_its_address() -> None:
    named = page_of(tiny_facts()).get_api_info()["named_endpoints"]
    assert list(named) == ["/talk"]
    names = [parameter["parameter_name"] for parameter in named["/talk"]["parameters"]]
    assert names == ["image", "audio", "emotion", "face", "paste_back", "scale", "seed"]


def test_the_style_loads_nothing_and_hides_no_list_in_has() -> None:
    """Gradio cuts selectors at every comma, also within `:has(a, b)`."""
    text = style()
    assert "url(" not in text
    assert "@import" not in text
    assert not any("," in part.partition(")")[0] for part in text.split(":has(")[1:])
    assert gr.__version__.startswith("6.")
