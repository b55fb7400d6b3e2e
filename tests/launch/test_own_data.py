"""The guide to one's own recordings: its commands run in order, on drawn clips without labels."""

import csv
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import cv2
import pytest
import soundfile

from emotalk.schema import SAMPLE_RATE
from emotalk.shards.clip import Clip, read_facts, read_window
from emotalk.shards.reader import SampleReader
from emotalk.shards.shard_set import ShardSet
from emotalk.synthetic.corpus import write_corpus
from tests.helpers.presets import HERE, SMALL
from tests.helpers.readme_commands import printed
from tests.helpers.tiny_training import ROOT

GUIDE = ROOT / "etl" / "OWN_DATA.md"
BIN = ROOT / ".venv" / "bin"
SHORT = (
    *HERE, *SMALL, "runtime.device=cpu", "stages.initialise.iterations=1",
    "stages.gan.iterations=1", "validation.every=2", "checkpoint.every=2",
)  # fmt: skip
ON_CPU = {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
# the beginning of a command -> what a test adds to it: drawn faces, small networks, no download
WORDS: dict[str, tuple[str, ...]] = {
    "emotalk corpus init recordings": (),
    "python etl/shard.py": ("landmarks.backend=sidecar", "ray_address=local", "workers=1"),
    "emotalk inspect": (),
    "accelerate launch train.py": SHORT,
    "emotalk evaluate": ("clips=2", "other_speech=curve"),
    "emotalk generate": ("--landmarks", "aligned"),
}
NOT_RUN = ("emotalk fetch vgg19", "emotalk corpus init --help")  # network; tried elsewhere


def commands() -> list[str]:
    found = list(printed(GUIDE.read_text(encoding="utf-8")))
    return [command for command in dict.fromkeys(found) if command not in NOT_RUN]


def words_for(command: str) -> list[str]:
    """Return a command with the words that its beginning gets."""
    (more,) = [words for start, words in WORDS.items() if command.startswith(start)]
    return [*shlex.split(command), *more]


def project(folder: Path) -> Path:
    """Make a folder that looks like the project's, for paths as they are printed."""
    folder.mkdir()
    for name in ("etl", "configs", "train.py"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def run(words: list[str], folder: Path) -> str:
    settings = {**os.environ, **ON_CPU, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        words, cwd=folder, env=settings, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


def drawn_recordings(folder: Path, corpus: Path, actors: int, clips: int) -> None:
    """Draw clips, take their labels off, and write what is said beside one of them."""
    write_corpus(corpus, actors=actors, seed=3, workers=1, clips_per_actor=clips)
    for number, video in enumerate(sorted((corpus / "VideoFlash").glob("*.flv"))):
        name = f"{video.stem[:4]}/take_{number}"
        for source, target in (
            (video, folder / f"{name}.flv"),
            (corpus / "landmarks" / f"{video.stem}.npy", folder / "landmarks" / f"{name}.npy"),
        ):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    for clip in folder.glob("*/*.flv"):
        clip.with_suffix(".txt").write_text("hello\n")
        clip.with_suffix(".words.csv").write_text("word,start,end\nhello,0.2,0.6\n")


def test_every_command_of_the_guide_is_run() -> None:
    assert [c for c in commands() if not any(c.startswith(start) for start in WORDS)] == []
    assert len(commands()) == 7
    assert all(any(c.startswith(start) for c in commands()) for start in WORDS)
    text = GUIDE.read_text(encoding="utf-8")
    assert all(command in text for command in NOT_RUN[:1])


def test_the_table_and_the_plan_come_as_the_guide_says(tmp_path: Path) -> None:
    here = project(tmp_path / "project")
    for name in ("anna/happy_01.mp4", "anna/take_02.mp4", "bo/take_01.mov", "cy/sad_02.mkv"):
        path = here / "recordings" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    first, plan = commands()[:2]
    said = run(words_for(first), here)
    assert "actors    3: anna 2, bo 1, cy 1" in said
    assert "emotions  unknown 2, happiness 1, sadness 1" in said
    assert "folder: 4 clips" in run(words_for(plan), here)
    assert not (here / "shards").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_guide_leads_from_recordings_without_labels_to_a_video(tmp_path: Path) -> None:
    here = project(tmp_path / "project")
    drawn_recordings(here / "recordings", tmp_path / "corpus", actors=3, clips=4)
    for command in commands():
        if command.startswith("emotalk generate"):
            write_request(here)
        run(words_for(command), here)
    with (here / "recordings/clips.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert {row["emotion"] for row in rows} == {""}
    assert len({row["actor"] for row in rows}) == 3
    assert json.loads((here / "runs/recordings/status.json").read_text())["state"] == "done"
    report = json.loads((here / "reports/recordings/report.json").read_text())
    assert report["emotion"] is None
    assert (here / "hello.mp4").stat().st_size > 1000
    assert (here / "faces.png").exists()


def write_request(here: Path, shards: str = "recordings") -> None:
    """Write a picture and speech of the test split, after a look at what its sample holds."""
    shard_set = ShardSet.open(str(here / "shards" / shards))
    sample, reader = shard_set.split("test").samples[0], SampleReader(shard_set)
    facts = read_facts(reader, sample)
    assert (sample.emotion, facts["emotion"], facts["text"]) == (None, None, "hello")
    assert [word["word"] for word in facts["words"]] == ["hello"]
    clip: Clip = read_window(reader, sample, start=0, frames=1, extras=())
    cv2.imwrite(str(here / "me.jpg"), clip.video_THWC[0][:, :, ::-1])
    soundfile.write(here / "hello.wav", clip.audio_S, SAMPLE_RATE)
