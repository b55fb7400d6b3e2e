"""The guide to one person's model: its commands run in order, on a drawn person without labels."""

import json
import shlex
from pathlib import Path

import pytest

from emotalk.checkpoints.find_model import find_model
from emotalk.checkpoints.format import read_description
from tests.helpers.readme_commands import printed
from tests.helpers.tiny_model import TINY, write_tiny_model
from tests.helpers.tiny_training import ROOT
from tests.launch.test_own_data import drawn_recordings, project, run, write_request

GUIDE = ROOT / "configs" / "ONE_PERSON.md"
SMALL = (
    "runtime.threads=1", "runtime.device=cpu", "data.frames=3", "data.batch_size=2",
    "data.workers=0", "data.cache_mib=0", "stages.adapt.iterations=2",
    "stages.detail.iterations=1", "stages.gan.iterations=1",
    "validation.clips=1", "validation.max_frames=6", "validation.every=2", "checkpoint.every=2",
    "tracking.log_every=1", "tracking.mlflow.enabled=false",
)  # fmt: skip
WORDS: dict[str, tuple[str, ...]] = {
    "emotalk corpus init": (),
    "python etl/shard.py": ("landmarks.backend=sidecar", "ray_address=local", "workers=1"),
    "emotalk inspect": (),
    "accelerate launch train.py": SMALL,
    "emotalk evaluate": ("clips=1", "other_speech=curve"),
    "emotalk generate": ("--landmarks", "aligned"),
}


def commands() -> list[str]:
    return list(dict.fromkeys(printed(GUIDE.read_text(encoding="utf-8"))))


def words_for(command: str) -> list[str]:
    (more,) = [words for start, words in WORDS.items() if command.startswith(start)]
    return [*(word.replace("=RUN", "=model") for word in shlex.split(command)), *more]


def test_every_command_of_the_guide_is_run() -> None:
    run_here = [c for c in commands() if any(c.startswith(start) for start in WORDS)]
    assert len(run_here) == len(WORDS)
    assert [c for c in commands() if c not in run_here] == ["emotalk import-original"]  # a name


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_guide_leads_from_one_persons_recordings_to_a_video(tmp_path: Path) -> None:
    here = project(tmp_path / "project")
    drawn_recordings(here / "recordings", tmp_path / "corpus", actors=1, clips=8)
    write_tiny_model(here / "model")
    for command in commands():
        if command == "emotalk import-original":
            continue
        if command.startswith("emotalk generate"):
            write_request(here, "anna")
        run(words_for(command), here)
    assert json.loads((here / "runs/anna/status.json").read_text())["state"] == "done"
    made = read_description(find_model(here / "runs/anna"))
    assert made.model.width == TINY.width
    assert made.model.generator.auxiliary_mouth
    assert made.data is not None
    assert made.data.actors == 1
    assert (here / "reports/anna/report.json").exists()
    assert (here / "hello.mp4").stat().st_size > 1000
