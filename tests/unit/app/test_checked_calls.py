"""Calls with too few values or values of another form are told so, and fill no log."""

import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from emotalk.app.server import build_app
from tests.helpers.app_client import API, audio_bytes, call, file_data, image_bytes, upload
from tests.helpers.tiny_model import tiny_loaded

VALUES = "image, audio, emotion, face, paste_back, scale, seed"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(build_app(tiny_loaded(), None, hosts=("testserver",))) as client:
        yield client


@pytest.fixture(scope="module")
def files(client: TestClient) -> list[Any]:
    """The first two values of a call, which are right."""
    image = upload(client, image_bytes(), "me.png")
    return [file_data(image), file_data(upload(client, audio_bytes(), "hello.wav"))]


@pytest.fixture
def tracebacks(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Holds an entry for each traceback that Gradio has printed."""
    printed: list[None] = []
    monkeypatch.setattr(traceback, "print_exc", lambda *_, **__: printed.append(None))
    return printed


@pytest.mark.parametrize("sent", range(7))
def test_a_call_with_too_few_values_is_told_which_ones_it_takes(
    client: TestClient,
    files: list[Any],
    sent: int,
    tracebacks: list[None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        kind, told = call(client, [*files, "fear", "", False, 1, 0][:sent])
    assert kind == "error"
    assert told["error"] == f"talk: {sent} of 7 values were sent; send all, in this order: {VALUES}"
    assert caplog.messages == ["refused a call of talk: too few values"]
    assert not tracebacks


def call_with(
    client: TestClient, files: list[Any], place: int, value: object
) -> tuple[str, dict[str, Any]]:
    """Call the page's function with one value exchanged; return what came back."""
    sent = [*files, "fear", "", False, 1, 0]
    sent[place] = value
    return call(client, sent)


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, 5), (0, {"url": 3}), (1, ["a"]), (1, "hello.wav"), (6, "seven"), (6, {})],
)
def test_a_value_of_another_form_is_no_fault_of_the_server(
    client: TestClient,
    files: list[Any],
    place: int,
    value: object,
    tracebacks: list[None],
) -> None:
    kind, told = call_with(client, files, place, value)
    assert kind == "error"
    assert f"a value has another form than the call takes: {VALUES}" in told["error"]
    assert not tracebacks


@pytest.mark.parametrize(
    ("place", "value"), [(2, {}), (2, None), (3, "0" * 21), (4, "x"), (5, "two")]
)
def test_a_value_that_an_order_cannot_have_is_no_fault_of_the_server_either(
    client: TestClient,
    files: list[Any],
    place: int,
    value: object,
    tracebacks: list[None],
) -> None:
    kind, told = call_with(client, files, place, value)
    assert (kind, bool(told["error"])) == ("error", True)
    assert not tracebacks


def test_the_direct_call_is_checked_as_the_queued_one(
    client: TestClient, tracebacks: list[None]
) -> None:
    answer = client.post(f"{API}/run/talk", json={"data": ["x"]})
    assert answer.status_code != 200
    assert not tracebacks
