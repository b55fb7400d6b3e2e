"""A clip's file is fetched, found gone, or its source is: each is told apart."""

import errno
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from emotalk.schema import Rejection
from etl.corpora.media_file import RemoteFile, SourceLost, check_reachable, on_disk


@pytest.fixture
def memory() -> Iterator[str]:
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield "memory://corpora/crema"
    system.store.clear()


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotalk.media.remote.time.sleep", lambda _: None)


def test_a_listed_clip_that_is_gone_is_a_rejection(memory: str) -> None:
    with (
        pytest.raises(Rejection, match="was listed, but is not there") as caught,
        on_disk(RemoteFile(f"{memory}/VideoFlash/x.flv")),
    ):
        pass
    assert caught.value.reason == "missing"


def test_a_folder_that_vanishes_while_the_job_runs_judges_no_clip(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").touch()
    check_reachable(str(tmp_path))
    check_reachable(f"file://{tmp_path}")
    with pytest.raises(SourceLost, match=r"No such file.*finished clips are kept"):
        check_reachable(str(tmp_path / "gone"))


def test_a_folder_that_is_empty_now_is_one_that_was_unmounted(tmp_path: Path) -> None:
    with pytest.raises(SourceLost, match=r"is empty now on .*no clip was rejected"):
        check_reachable(str(tmp_path))


def test_a_full_disk_while_fetching_is_no_fault_of_the_source(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = fsspec.filesystem("memory")
    system.pipe_file("/corpora/crema/x.flv", b"x")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "x")

    monkeypatch.setattr(type(system), "get_file", full)
    with pytest.raises(OSError, match="No space left"), on_disk(RemoteFile(f"{memory}/x.flv")):
        pass
