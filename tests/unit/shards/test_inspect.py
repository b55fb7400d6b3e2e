"""What `inspect` says of sets that are broken in one place each; every reader refuses the same."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from emotalk.cli import main
from emotalk.config.data import DataConfig
from emotalk.data.loader import build_loader
from emotalk.errors import WrongUse
from emotalk.printable import is_printable
from emotalk.schema import EMOTIONS
from emotalk.shards.clip import read_facts, read_window
from emotalk.shards.inspect import inspect
from emotalk.shards.reader import DataFault, SampleReader
from emotalk.shards.shard_set import ShardSet
from tests.helpers.broken_sets import BROKEN, whole_set
from tests.helpers.shared import shared_data

STILL_WHOLE = {"no json"}  # a set need not say more of a clip than its index


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_set(tmp_path_factory.mktemp("whole") / "set")


@pytest.fixture
def broken(whole: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path / "set"
    shutil.copytree(whole, folder)
    BROKEN[request.param][0](folder)
    return folder


def faults_of(folder: Path) -> list[str]:
    try:
        return list(inspect(folder).faults)
    except WrongUse as error:
        return [str(error)]


def test_nothing_is_wrong_with_the_set_that_is_broken_below(whole: Path) -> None:
    assert faults_of(whole) == []


@pytest.mark.parametrize("broken", sorted(BROKEN), indirect=True)
def test_a_broken_set_is_described_line_by_line(
    broken: Path, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["broken"]
    words = BROKEN[name][1]
    faults = faults_of(broken)
    assert (faults == []) == (name in STILL_WHOLE)
    assert all(is_printable(fault) for fault in faults)
    assert not words or any(words in fault for fault in faults), faults
    read_all(broken)


def read_all(folder: Path) -> None:
    """Read a set as training and evaluation do: it is refused in words that can be printed."""
    for split in ("train", "val"):
        try:
            config = DataConfig(frames=4, batch_size=1, workers=0)
            next(iter(build_loader(config, ShardSet.open(str(folder)), split, 0, EMOTIONS)))
            shard_set = ShardSet.open(str(folder))
            reader = SampleReader(shard_set, verify=True)
            for sample in shard_set.split(split).samples:
                read_facts(reader, sample)
                extras = ("neutral.png", "json")
                read_window(reader, sample, start=0, frames=sample.frames, extras=extras)
        except (WrongUse, DataFault) as refusal:
            assert all(is_printable(line) for line in str(refusal).splitlines())  # noqa: PT017


def test_the_command_lists_the_faults_and_draws_nothing(
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "set"
    shutil.copytree(whole, folder)
    BROKEN["json frames text"][0](folder)
    sheet = tmp_path / "faces.png"
    words = ["emotalk", "inspect", str(folder), "--contact-sheet", str(sheet)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().out
    assert end.value.code == 1
    assert "1 fault:\n  train-000000.tar: sample clip0000: member json: says" in said
    assert "\x1b" not in said
    assert not sheet.exists()


def test_the_index_that_ended_the_process_is_one_line(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(whole, folder)
    data = shared_data("data/faults/hostile/segv_index.json").read_text()
    tree = json.loads(data)
    (folder / "train-000000.index.json").write_text(data)
    assert tree["samples"][0]["emotion"] == "\ud800"
    faults = faults_of(folder)
    assert any(r"samples.0.emotion: '\ud800' is no emotion" in fault for fault in faults)
