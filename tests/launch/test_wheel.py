"""A wheel holds all that generate, app and evaluate need, and runs without a checkout."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotalk.media.encode import AudioTrack, encode_audio
from tests.helpers.tiny_model import write_tiny_model

ROOT = Path(__file__).parents[2]
NEEDED = (
    "emotalk/py.typed",
    "emotalk/app/page.css",
    "emotalk/evaluation/page.html",
    "emotalk/html_pages/style.css",
    "emotalk/pretrained/landmark_net.safetensors",
    "emotalk/pretrained/emotion_net.safetensors",
    "emotalk/configs/evaluate/default.yaml",
    "emotalk/configs/evaluate/report.yaml",
    "emotalk/configs/train/paper.yaml",
    "emotalk/configs/etl/crema_d.yaml",
    "etl/shard.py",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy of what git knows, so that the checkout stays as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if not name.startswith("tests/") and (ROOT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "source" / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    subprocess.run([*command, "-w", str(folder), str(folder / "source")], check=True)
    (built,) = folder.glob("emotalk-*.whl")
    return built


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder but for a model, a picture and speech."""
    folder = tmp_path_factory.mktemp("inputs")
    draw = np.random.default_rng(0)
    write_tiny_model(folder / "model")
    cv2.imwrite(str(folder / "crop.png"), draw.integers(0, 256, (128, 128, 3), np.uint8))
    speech_S = draw.uniform(-0.4, 0.4, 16_000).astype(np.float32)
    track = AudioTrack(speech_S, 16_000, "pcm_s16le")
    encode_audio(folder / "speech.wav", track, container="wav")
    return folder


def generate(folder: Path, python: Sequence[str], environment: dict[str, str]) -> None:
    command = [*python, "generate", "--checkpoint", "model", "--image", "crop.png"]
    command += ["--landmarks", "aligned", "--audio", "speech.wav", "--emotion", "happiness"]
    command += ["--output", "video.mp4", "--overwrite"]
    subprocess.run(command, cwd=folder, env=environment, check=True)
    assert (folder / "video.mp4").stat().st_size > 1000


def test_the_wheel_holds_weights_pages_and_configurations(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert set(NEEDED) <= names
    known = {path.relative_to(ROOT).as_posix() for path in (ROOT / "configs").rglob("*.yaml")}
    assert {f"emotalk/{name}" for name in known} <= names
    assert not [name for name in names if name.startswith(("tests/", "configs/"))]


def test_unpacked_it_runs_without_a_checkout(wheel: Path, inputs: Path, tmp_path: Path) -> None:
    """With this environment's libraries; `test_an_empty_environment...` installs all of them."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    python = [sys.executable, "-m", "emotalk.cli"]
    where = [sys.executable, "-c", "import emotalk; print(emotalk.__file__)"]

    def said(*command: str) -> str:
        told = subprocess.run(
            command, cwd=inputs, env=environment, capture_output=True, text=True, check=False
        )
        return told.stdout + told.stderr

    assert said(*where).strip() == str(tmp_path / "emotalk/__init__.py")
    for name in ("generate", "app", "evaluate"):
        assert "--checkpoint" in said(*python, name, "--help")
    generate(inputs, python, environment)
    config = "configs/evaluate/report.yaml"
    options = ["--checkpoint", "model", "--shards", "none", "--output", "report"]
    wrong = said(*python, "evaluate", "--config", config, *options)
    assert config not in wrong  # it was found; the shards were not
    assert "none" in wrong


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_an_empty_environment_generates_and_serves(
    wheel: Path, inputs: Path, tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv/bin/python"
    install = [str(python), "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt")]
    subprocess.run([*install, f"emotalk[app] @ {wheel.as_uri()}"], check=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    generate(inputs, [str(python.with_name("emotalk"))], environment)
    code = "import emotalk.app.server, emotalk.evaluation.evaluate; print('both import')"
    told = subprocess.run(
        [str(python), "-c", code], cwd=inputs, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "both import"
