"""Shards that a run cannot train on: one message, exit 2, and no worker or network started."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.shard_set import made_clips, rewrite_index, rewrite_manifest, write_shard_set
from tests.helpers.tiny_training import ROOT, tiny_shards, tiny_yaml, train

Spoil = Callable[[Path], object]


def without_clips(shards: Path) -> None:
    write_shard_set(shards, [])


def with_another_format(shards: Path) -> None:
    rewrite_manifest(shards, lambda tree: tree.update(format="emotalk-shards/99"))


def with_an_index_of_another_tar(shards: Path) -> None:
    def past_the_end(tree: dict[str, Any]) -> None:
        tree["samples"][-1]["members"]["json"][0] += 1 << 20

    rewrite_index(shards, "train-000001", past_the_end)


def without_a_tar(shards: Path) -> None:
    (shards / "train-000001.tar").unlink()


def without_a_member(shards: Path) -> None:
    rewrite_index(shards, "train-000000", lambda tree: tree["samples"][2]["members"].pop("flac"))


def without_a_training_split(shards: Path) -> None:
    for name in ("train-000000", "train-000001"):
        for kind in ("tar", "index.json"):
            (shards / f"{name}.{kind}").unlink()
    write_shard_set(shards, [("val", made_clips(3))])


def as_they_are(shards: Path) -> None:
    del shards


CASES: dict[str, tuple[Spoil, str, str]] = {
    "empty": (without_clips, "", "no split 'train'; it has: none: the shard set is empty"),
    "format": (with_another_format, "", "format 'emotalk-shards/99', this version reads"),
    "index": (
        with_an_index_of_another_tar, "", "train-000001.index.json: clip0011.json would end at",
    ),
    "tar": (without_a_tar, "", "train-000001.tar is missing, the manifest says"),
    "member": (without_a_member, "", "sample clip0002 lacks sound (flac or wav)"),
    "split": (without_a_training_split, "", "no split 'train'; it has: val"),
    "window": (as_they_are, "data.frames=99", "the longest clip has 15"),
    "folder": (as_they_are, "shards=/nowhere/at/all", "/nowhere/at/all: no such folder"),
    "command": (as_they_are, "shards=pipe:cat /set", "needs {} where the file's name belongs"),
    "protocol": (as_they_are, "shards=htp://host/set", "unknown protocol 'htp'"),
}  # fmt: skip


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, int, str]]:
    """Return run folder, exit code and stderr of a start on each case's shards."""
    folders, starts = {}, []
    for name, (spoil, override, _) in CASES.items():
        folders[name] = folder = tmp_path_factory.mktemp(name)
        spoil(tiny_shards(folder / "shards"))
        words = [str(tiny_yaml(folder, folder / "shards")), f"run_dir={folder / 'run'}"]
        starts.append([*words, "data.workers=2", *filter(None, [override])])
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.start_training"],
        input=json.dumps(starts), cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = zip(folders.items(), json.loads(done.stdout), strict=True)
    return {name: (folder / "run", code, said) for (name, folder), (code, said) in found}


@pytest.mark.parametrize("name", CASES)
def test_shards_that_cannot_be_trained_on_are_one_message(
    ends: dict[str, tuple[Path, int, str]], name: str
) -> None:
    run, code, said = ends[name]
    message = CASES[name][2]
    assert code == 2, said
    assert said.count("train.py: ") == 1
    assert message in said
    assert "Traceback" not in said
    status = json.loads((run / "status.json").read_text())
    assert (status["state"], status["code"]) == ("wrong_use", 2)
    assert message in status["message"]


def test_a_batch_that_processes_cannot_share_is_one_message(tmp_path: Path) -> None:
    config = tiny_yaml(tmp_path, tiny_shards(tmp_path / "shards"))
    done = train(config, tmp_path / "run", processes=3)
    assert done.returncode != 0
    assert done.stderr.count("train.py: ") == 1
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert status["state"] == "wrong_use"
    assert "data.batch_size" in status["message"]
