"""The examples of the package's README are run as they are printed, against a running server."""

import base64
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import emotalk.app
from emotalk.app.password import Password
from tests.helpers.app_client import RunningApp, audio_bytes, running_app

README = Path(emotalk.app.__file__).with_name("README.md").read_text("utf-8")
ADDRESS = "http://127.0.0.1:7860"  # as printed


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def app() -> Iterator[RunningApp]:
    with running_app() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a picture and a recording, named as in the README."""
    Image.new("RGB", (128, 128), (200, 150, 120)).save(tmp_path / "me.jpg")
    (tmp_path / "hello.wav").write_bytes(audio_bytes())
    return tmp_path


def run(words: list[str], folder: Path) -> str:
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_curl_example_brings_a_video(app: RunningApp, folder: Path) -> None:
    assert ADDRESS in block("bash")
    script = block("bash").replace(ADDRESS, app.url)
    run(["bash", "-euo", "pipefail", "-c", script], folder)
    assert (folder / "hello.mp4").read_bytes()[4:8] == b"ftyp"


def test_the_gradio_client_example_brings_a_video(app: RunningApp, folder: Path) -> None:
    assert ADDRESS in block("python")
    script = block("python").replace(ADDRESS, app.url)
    script += "print(open(video['video'] if isinstance(video, dict) else video, 'rb').read(8))"
    printed = run([sys.executable, "-c", script + "\nprint(report)"], folder)
    assert "ftyp" in printed
    assert "13 frames, 0.52 s of video" in printed


def test_with_a_password_both_work_as_described(folder: Path) -> None:
    with running_app(password=Password("ana", "secret")) as app:
        script = block("bash").replace(ADDRESS, app.url).replace("curl ", "curl -u ana:secret ")
        run(["bash", "-euo", "pipefail", "-c", script], folder)
        assert (folder / "hello.mp4").exists()
        code = base64.b64encode(b"ana:secret").decode()
        opened = f'Client("{app.url}", headers={{"Authorization": "Basic {code}"}})'
        script = block("python").replace(f'Client("{ADDRESS}")', opened)
        assert "13 frames" in run([sys.executable, "-c", script + "\nprint(report)"], folder)
