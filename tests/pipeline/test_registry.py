"""An exported generator in MLflow's registry makes videos: no pickle, and no network is asked."""

import base64
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import mlflow
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from emotalk.checkpoints.load import load_generator
from emotalk.cli import cli
from emotalk.errors import WrongUse
from emotalk.inference.talking_video import VideoRequest, make_video
from emotalk.media.lossless import png_bytes
from tests.helpers.tiny_model import write_tiny_model

SECONDS = 0.6
pd = pytest.importorskip("pandas")  # MLflow's; it brings no types


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("registry")
    pixels = np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8)
    (folder / "face.png").write_bytes(png_bytes(pixels))
    noise = np.random.default_rng(1).normal(0, 0.1, int(SECONDS * 16000))
    soundfile.write(folder / "speech.wav", noise, 16000)
    write_tiny_model(folder / "run/checkpoints/step-000001")
    (folder / "run/checkpoints/latest").write_text("step-000001\n")
    return folder


@pytest.fixture(scope="module")
def no_network() -> Iterator[None]:
    """Whoever asks for a host's address fails."""

    def refuse(*words: object, **more: object) -> Any:
        raise AssertionError(f"the network was asked for {words}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refuse)
        yield


@pytest.fixture(scope="module")
def model(folder: Path, no_network: None) -> Any:
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri)
    experiment = client.create_experiment("emotalk", artifact_location=str(folder / "artifacts"))
    run_id = client.create_run(experiment, run_name="run").info.run_id
    (folder / "run/mlflow.json").write_text(json.dumps({"uri": uri, "run_id": run_id}))
    words = ["export", "--checkpoint", str(folder / "run"), "--output", str(folder / "export")]
    done = CliRunner().invoke(cli, [*words, "--register", "talking-face"])
    assert done.exit_code == 0, done.output
    assert "registered: models:/talking-face/1" in done.output
    version = client.get_model_version("talking-face", "1")
    assert version.run_id == run_id
    assert version.description.startswith("# Talking-face generator: run")
    assert client.get_run(run_id).info.status == "RUNNING", "registering does not end the run"
    return mlflow.pyfunc.load_model("models:/talking-face/1")


def wish(folder: Path, **more: Any) -> dict[str, Any]:
    files = {"image": str(folder / "face.png"), "audio": str(folder / "speech.wav")}
    return {**files, "emotion": "happiness", "landmarks": "aligned", **more}


def expected_video(folder: Path, emotion: str) -> list[Any]:
    output = folder / f"{emotion}.mp4"
    request = VideoRequest(
        folder / "face.png", folder / "speech.wav", emotion, output, None, overwrite=True
    )
    make_video(request, load_generator(folder / "run"))
    return frames_of(output.read_bytes(), output)


def frames_of(video: bytes, path: Path) -> list[Any]:
    path.write_bytes(video)
    with av.open(str(path)) as container:
        assert container.streams.audio
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_paths_give_the_video_that_generate_makes(model: Any, folder: Path) -> None:
    (made,) = model.predict([wish(folder)])
    assert made["frames"] == round(SECONDS * 25)
    ours = frames_of(made["video"], folder / "made.mp4")
    assert np.array_equal(ours, expected_video(folder, "happiness"))


def test_bytes_data_urls_and_tables_are_taken_too(model: Any, folder: Path) -> None:
    picture, sound = (folder / "face.png").read_bytes(), (folder / "speech.wav").read_bytes()
    url = "data:image/png;base64," + base64.b64encode(picture).decode()
    table = pd.DataFrame(
        [
            wish(folder, image=picture, audio=sound),
            wish(folder, image=url, emotion="0=neutral,0.3=anger:0.5", scale=2),
        ]
    )
    plain, scaled = model.predict(table)
    ours = frames_of(plain["video"], folder / "made.mp4")
    assert np.array_equal(ours, expected_video(folder, "happiness"))
    assert frames_of(scaled["video"], folder / "made.mp4")[0].shape == (256, 256, 3)


def test_wrong_wishes_are_refused_in_one_sentence(model: Any, folder: Path) -> None:
    with pytest.raises(WrongUse, match=r"missing: \['audio'\], unknown: \['sound'\]"):
        model.predict([{"image": "a.png", "sound": "b.wav", "emotion": "anger"}])
    with pytest.raises(WrongUse, match="surprise"):
        model.predict([wish(folder, emotion="surprise")])


def test_the_model_is_code_and_safetensors_never_a_pickle(model: Any, folder: Path) -> None:
    stored = Path(mlflow.artifacts.download_artifacts("models:/talking-face/1"))
    names = {path.name for path in stored.rglob("*") if path.is_file()}
    assert {"talking_face.py", "generator.safetensors", "model.json", "README.md"} <= names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".pt", ".bin"))]
    requirements = (stored / "requirements.txt").read_text()
    assert re.search(r"^torch[=<>]", requirements, re.MULTILINE)
    assert "deepspeed" not in requirements
