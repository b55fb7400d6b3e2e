"""What MLflow asks of the exported model, row by row, reaches the video's request."""

import base64
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emotalk.checkpoints.load import LoadedGenerator
from emotalk.errors import WrongUse
from emotalk.inference.talking_video import VideoRequest
from emotalk.tracking import talking_face as module
from emotalk.tracking.talking_face import TalkingFace

ROW = {"image": b"picture", "audio": "speech.wav", "emotion": "anger:0.5"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each request asked for, and the bytes of the files it named."""
    found: list[dict[str, Any]] = []

    def make(request: VideoRequest, loaded: LoadedGenerator) -> Any:
        picture = request.image.read_bytes() if request.image.exists() else None
        found.append({**vars(request), "loaded": loaded, "picture": picture})
        assert request.output is not None
        assert request.emotion is not None
        request.output.write_bytes(b"video of " + request.emotion.encode())
        return SimpleNamespace(frames=7)

    monkeypatch.setattr(module, "make_video", make)
    return found


def predicted(rows: Any) -> Any:
    model = TalkingFace()
    model._loaded = "the generator"  # type: ignore[assignment]
    return model.predict(None, rows)


def test_a_row_is_a_request_and_its_answer_the_video(asked: list[dict[str, Any]]) -> None:
    more = {"landmarks": "aligned", "face": "left", "seed": 5, "scale": 2}
    assert predicted({**ROW, **more}) == [{"video": b"video of anger:0.5", "frames": 7}]
    (request,) = asked
    assert request["picture"] == b"picture"
    assert request["audio"] == Path("speech.wav")
    assert (request["face"], request["seed"], request["scale"]) == ("left", 5, 2)
    assert request["landmarks"] is None
    assert request["loaded"] == "the generator"


def test_a_data_url_is_its_bytes_and_empty_cells_are_not_there(
    asked: list[dict[str, Any]],
) -> None:
    url = "data:image/png;base64," + base64.b64encode(b"other picture").decode()
    predicted([{**ROW, "image": url, "seed": math.nan, "face": None, "landmarks": "aligned"}])
    assert asked[0]["picture"] == b"other picture"
    assert (asked[0]["seed"], asked[0]["scale"], asked[0]["face"]) == (0, 1, None)


def test_the_finder_is_insightface_unless_the_row_says_otherwise(
    asked: list[dict[str, Any]],
) -> None:
    predicted([ROW, {**ROW, "landmarks": "insightface", "pack": "faces68", "root": "models"}])
    assert asked[0]["landmarks"].backend == "insightface"
    assert (asked[1]["landmarks"].pack, str(asked[1]["landmarks"].root)) == ("faces68", "models")


def test_a_table_is_read_row_by_row(asked: list[dict[str, Any]]) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame([{**ROW, "emotion": name} for name in ("anger", "fear")])
    videos = [answer["video"] for answer in predicted(table)]
    assert videos == [b"video of anger", b"video of fear"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"image": b"", "audio": b""}, r"missing: \['emotion'\]"),
        ({**ROW, "emotoin": "anger"}, r"unknown: \['emotoin'\]"),
        ({**ROW, "landmarks": "guess"}, "landmarks"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused(
    asked: list[dict[str, Any]], row: dict[str, Any], message: str
) -> None:
    with pytest.raises(WrongUse, match=message):
        predicted(row)
    assert not asked
