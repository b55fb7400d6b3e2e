"""The installed wheel runs generate, app and evaluate without a checkout."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotalk.media.encode import AudioTrack, encode_audio
from tests.helpers.drawn_shards import drawn_clip, write_shard_set
from tests.helpers.tiny_model import write_tiny_model
from tests.helpers.tiny_training import ROOT

Environment = dict[str, str]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, a picture, speech and two clips of a test split."""
    folder = tmp_path_factory.mktemp("inputs")
    draw = np.random.default_rng(0)
    write_tiny_model(folder / "model")
    cv2.imwrite(str(folder / "crop.png"), draw.integers(0, 256, (128, 128, 3), np.uint8))
    speech_S = draw.uniform(-0.4, 0.4, 16_000).astype(np.float32)
    track = AudioTrack(speech_S, 16_000, "pcm_s16le")
    encode_audio(folder / "speech.wav", track, container="wav")
    sentences = ((0, "IEO", "happiness"), (0, "TIE", "neutral"))
    clips = {clip: drawn_clip(77, *clip, frames=30) for clip in sentences}
    write_shard_set(folder / "shards", clips)
    return folder


@pytest.fixture(scope="module")
def installed(wheel_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of a new environment: the wheel, its extra `app`, their needs."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q"]
    pip += ["-c", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, f"emotalk[app] @ {wheel_file.as_uri()}"], check=True)
    return folder / "bin"


@pytest.fixture(scope="module")
def outside() -> Environment:
    """The environment without what could lead to this checkout."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTHONPATH", "VIRTUAL_ENV", "GRADIO_TEMP_DIR"}
    }


def generate(folder: Path, words: Sequence[str], environment: Environment) -> None:
    command = [*words, "--image", "crop.png", "--landmarks", "aligned", "--audio", "speech.wav"]
    command += ["--emotion", "happiness", "--output", "video.mp4", "--overwrite"]
    subprocess.run(command, cwd=folder, env=environment, check=True)
    assert (folder / "video.mp4").stat().st_size > 1000


def test_unpacked_it_runs_without_a_checkout(
    wheel_file: Path, inputs: Path, tmp_path: Path
) -> None:
    """With this environment's libraries; the slow tests install all of them anew."""
    zipfile.ZipFile(wheel_file).extractall(tmp_path)
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
    generate(inputs, [*python, "generate", "--checkpoint", "model"], environment)
    config = "configs/evaluate/report.yaml"
    options = ["--checkpoint", "model", "--shards", "none", "--output", "report"]
    wrong = said(*python, "evaluate", "--config", config, *options)
    assert config not in wrong  # it was found; the shards were not
    assert "none" in wrong


@pytest.mark.slow
@pytest.mark.timeout(5400)
def test_an_empty_environment_gets_the_tested_versions_and_no_checkout(
    installed: Path, inputs: Path, outside: Environment
) -> None:
    def said(*words: str) -> str:
        return subprocess.run(
            words, cwd=inputs, env=outside, capture_output=True, text=True, check=True
        ).stdout

    python = str(installed / "python")
    package = said(python, "-c", "import emotalk; print(emotalk.__file__)").strip()
    assert Path(package).is_relative_to(installed.parent)
    said(python, "-m", "pip", "check")
    pinned = _versions((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    frozen = _versions(said(python, "-m", "pip", "freeze"))
    assert frozen
    assert frozen - pinned == set()


def _versions(listed: str) -> set[tuple[str, str]]:
    """Return names, as all tools spell them, with versions, without torch's build tag."""
    lines = [line for line in listed.split() if "==" in line]
    parts = [line.partition("+")[0].partition("==") for line in lines]
    return {(re.sub(r"[-_.]+", "-", name).lower(), version) for name, _, version in parts}


@pytest.mark.slow
@pytest.mark.timeout(5400)
def test_installed_it_generates_without_a_checkpoint(
    installed: Path, inputs: Path, outside: Environment
) -> None:
    generate(inputs, [str(installed / "emotalk"), "generate"], outside)


@pytest.mark.slow
@pytest.mark.timeout(5400)
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_installed_its_page_answers_and_ends(
    stop: signal.Signals, installed: Path, inputs: Path, outside: Environment, tmp_path: Path
) -> None:
    command = [str(installed / "emotalk"), "app", "--port", "0", "--landmarks", "aligned"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=inputs,
        env={**outside, "TMPDIR": str(tmp_path), "COLUMNS": "400"},
        preexec_fn=_heed_interrupts,  # noqa: PLW1509  this process has no threads yet
    ) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        found = re.search(r"open (http://127\.0\.0\.1:\d+) in a browser", line)
        assert found, line + running.stdout.read()
        with urllib.request.urlopen(found[1], timeout=300) as page:  # noqa: S310  our own address
            assert b"emotalk" in page.read()
        running.send_signal(stop)
        rest = running.stdout.read()
    assert "Traceback" not in rest
    assert running.returncode in (128 + stop, -stop), rest
    assert list(tmp_path.glob("emotalk-app-*")) == []


def _heed_interrupts() -> None:
    """Undo what a shell does to a job in its background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.slow
@pytest.mark.timeout(5400)
def test_installed_it_evaluates_by_a_ready_configuration(
    installed: Path, inputs: Path, outside: Environment, tmp_path: Path
) -> None:
    """Of the package come the generator, the configuration, the judges and the report's page."""
    assert not (inputs / "configs").exists()
    words = ["--config", "configs/evaluate/default.yaml", "--checkpoint", "model"]
    words += ["--shards", "shards", "--output", str(tmp_path / "report"), "--processes", "1"]
    words += ["landmarks=judge", "emotion.by=drawn"]
    subprocess.run(
        [str(installed / "emotalk"), "evaluate", *words], cwd=inputs, env=outside, check=True
    )
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["clips"] == 2
    assert {"psnr", "nlmd", "mouth_correlation"} <= set(report["figures"])
    assert b"<html" in (tmp_path / "report" / "report.html").read_bytes()
