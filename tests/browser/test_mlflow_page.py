"""What MLflow's own page shows of a training run, seen with a browser.

Set SCREENSHOTS=DIR to keep pictures of the pages.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from typer.testing import CliRunner

from emotalk.cli import cli
from emotalk.tracking.run_identity import read_identity
from emotalk.tracking.run_page import VIEW, how_to_see
from tests.helpers.browser import Browser, missing_browser
from tests.helpers.mlflow_server import MlflowServer
from tests.helpers.tiny_training import tiny_shards, tiny_yaml, train

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(missing_browser()), reason=missing_browser()),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[MlflowServer]:
    server = MlflowServer(folder)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def run_page(folder: Path, server: MlflowServer) -> str:
    """Train, export and register against the server; return the run's page."""
    config = tiny_yaml(folder, tiny_shards(folder / "shards"))
    options = ["tracking.mlflow.enabled=true", f"tracking.mlflow.uri={server.uri}"]
    options += ["validation.clips=4", "validation.every=3", "tracking.mlflow.log_checkpoints=true"]
    done = train(config, folder / "run", *options)
    assert done.returncode == 0, done.stderr
    words = ["export", "--checkpoint", str(folder / "run"), "--output", str(folder / "model")]
    exported = CliRunner().invoke(cli, [*words, "--register", "talking-face"])
    assert exported.exit_code == 0, exported.output
    run_id = read_identity(folder / "run")["run_id"]
    run = MlflowClient(server.uri).get_run(run_id)
    return f"{server.uri}/#/experiments/{run.info.experiment_id}/runs/{run_id}"


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Browser]:
    with Browser(folder) as browser:
        yield browser


def keep(browser: Browser, name: str) -> None:
    """Keep a picture of the page where the person who runs the tests wants them."""
    if "SCREENSHOTS" in os.environ:
        browser.screenshot(Path(os.environ["SCREENSHOTS"]) / f"{name}.png")


def test_the_run_page_shows_params_tags_and_figures(browser: Browser, run_page: str) -> None:
    browser.open(run_page)
    browser.wait_for("Finished", "manifest_sha256", "launcher", "git_commit")
    browser.wait_for("data.batch_size", "validation/psnr")
    keep(browser, "run")


def test_the_printed_address_opens_the_run_in_the_view_of_trainings(
    browser: Browser, run_page: str, folder: Path
) -> None:
    known = read_identity(folder / "run")
    printed = how_to_see(known["uri"], known["experiment_id"], known["run_id"])
    assert printed == f"{run_page}?{VIEW}"
    browser.open(printed)
    browser.wait_for("Finished", "validation/psnr")
    keep(browser, "printed")
    text = browser.wait_for_script("return document.body.innerText")
    assert "Model metrics" in text
    menu = text.split("Overview")[0].splitlines()
    assert "Models" in menu  # of the view of trainings; that of language models has judges
    assert "Judges" not in menu


def test_every_loss_has_a_chart(browser: Browser, run_page: str) -> None:
    browser.open(f"{run_page}/model-metrics")
    browser.wait_for("train/generator", "train/discriminators", "validation", "speed")
    keep(browser, "charts")


def test_a_sample_video_plays_and_the_grid_is_shown(browser: Browser, run_page: str) -> None:
    browser.open(f"{run_page}/artifacts")
    browser.wait_for("samples", "checkpoints", "config.yaml")
    browser.click("samples")
    browser.wait_for("step-000006")
    browser.click("step-000006")
    browser.wait_for("grid.png", "anger-vclip0000.mp4")
    browser.click("grid.png")
    browser.wait_for("grid.png")
    keep(browser, "grid")
    browser.click("anger-vclip0000.mp4")
    size = browser.wait_for_script(  # 2: it has decoded a frame
        "const v = document.querySelector('video'); "
        "return v && v.readyState >= 2 ? [v.videoWidth, v.videoHeight] : null"
    )
    assert size == [256, 128], "true beside generated"
    keep(browser, "video")


def test_the_registered_model_shows_its_card(
    browser: Browser, run_page: str, server: MlflowServer
) -> None:
    browser.open(f"{server.uri}/#/models/talking-face/versions/1")
    browser.wait_for("talking-face", "Version 1", "Intended use, and consent")
    keep(browser, "model")
