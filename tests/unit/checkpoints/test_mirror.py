"""Checkpoints in object storage: whole or not there, behind the training, fetched when newer."""

import shutil
import threading
from pathlib import Path

import pytest

from emotalk.checkpoints import mirror as mirror_module
from emotalk.checkpoints.folder import STATE
from emotalk.checkpoints.mirror import Mirror, fetch_beside, fetch_newest
from emotalk.files.checksums import write_sums
from emotalk.media import object_store
from emotalk.media.object_store import ObjectStore
from tests.helpers.object_storage import Faults


def checkpoint(run: Path, step: int) -> Path:
    """Return a folder in the form of a checkpoint."""
    path = run / "checkpoints" / f"step-{step:06d}"
    path.mkdir(parents=True)
    (path / STATE).write_text(f'{{"step": {step}}}')
    (path / "generator.safetensors").write_bytes(bytes(1000 + step))
    write_sums(path)
    (run / "config.yaml").write_text("seed: 1\n")
    return path


def mirror_of(run: Path, url: str) -> Mirror:
    return Mirror(url, run / "checkpoints", run / "config.yaml")


def content(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_a_fresh_machine_gets_the_newest_checkpoint(faults: Faults, tmp_path: Path) -> None:
    """While the storage throttles and hangs up; its sums are written last."""
    mirror = mirror_of(tmp_path, "s3://bucket/run")
    faults.next = {"PUT": ["throttle", "cut"]}
    for step in (1, 2):
        mirror.begin(checkpoint(tmp_path, step))
        mirror.finish()
    puts = [path for method, path in faults.seen if method == "PUT"]
    assert puts[-1] == "/bucket/run/step-000002/SHA256SUMS"
    faults.next = {"GET": ["unavailable", "cut"]}
    fetched = fetch_newest("s3://bucket/run", tmp_path / "fresh")
    assert fetched == tmp_path / "fresh" / "step-000002"
    assert content(fetched) == content(tmp_path / "checkpoints" / "step-000002")
    assert fetch_beside("s3://bucket/run", "config.yaml", tmp_path / "written.yaml")
    assert (tmp_path / "written.yaml").read_text() == "seed: 1\n"
    assert fetch_newest("s3://bucket/run", tmp_path / "fresh") is None, "it is as new"
    assert [path.name for path in (tmp_path / "fresh").iterdir()] == ["step-000002"]


def test_what_is_not_whole_there_is_passed_over(
    faults: Faults, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = "s3://bucket/damaged"
    mirror, store = mirror_of(tmp_path, url), ObjectStore(url, "checkpoint.mirror")
    for step in (3, 4, 5):
        mirror.begin(checkpoint(tmp_path, step))
        mirror.finish()
    store.remove(["step-000005/SHA256SUMS"])
    store.write_bytes("step-000004/generator.safetensors", bytes(1003) + b"x")
    store.write_bytes("step-000009/../../evil", b"x")
    store.write_bytes("step-000009/SHA256SUMS", b"x")
    fetched = fetch_newest(url, tmp_path / "fresh")
    assert fetched is not None
    assert fetched.name == "step-000003"
    assert [path.name for path in (tmp_path / "fresh").iterdir()] == ["step-000003"]
    assert "step-000004 in s3://bucket/damaged cannot be used: damaged" in caplog.text


def test_checkpoints_that_went_here_go_there(faults: Faults, tmp_path: Path) -> None:
    url = "s3://bucket/old"
    mirror, store = mirror_of(tmp_path, url), ObjectStore(url, "checkpoint.mirror")
    mirror.begin(checkpoint(tmp_path, 1))
    mirror.finish()
    store.write_bytes("step-000000-mine/notes.txt", b"of the user")
    shutil.rmtree(tmp_path / "checkpoints" / "step-000001")
    mirror.begin(checkpoint(tmp_path, 2))
    mirror.finish()
    folders = {name.split("/")[0] for name in store.sizes()}
    assert folders == {"config.yaml", "step-000000-mine", "step-000002"}


def test_the_training_does_not_wait_and_only_the_newest_is_copied(
    faults: Faults,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mirror = mirror_of(tmp_path, "s3://bucket/slow")
    go, copied = threading.Event(), []

    def slow(self: Mirror, path: Path) -> None:
        go.wait(30)
        copied.append(path.name)

    monkeypatch.setattr(mirror_module.Mirror, "_copy", slow)
    mirror.begin(checkpoint(tmp_path, 1))
    while mirror._waiting is not None:
        threading.Event().wait(0.01)
    for step in (2, 3, 4):
        mirror.begin(checkpoint(tmp_path, step))
    mirror.finish(0.01)
    assert copied == []
    assert "s3://bucket/slow: the newest checkpoint is not copied within 0 s" in caplog.text
    go.set()
    mirror.finish()
    assert copied == ["step-000001", "step-000004"]


def test_a_storage_that_fails_is_a_warning(
    faults: Faults,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(object_store, "TRIES", 1)
    faults.next = {"PUT": ["cut"] * 100}
    mirror = mirror_of(tmp_path, "s3://bucket/gone")
    mirror.begin(checkpoint(tmp_path, 1))
    mirror.finish()
    faults.next.clear()
    assert "step-000001 is not in s3://bucket/gone: " in caplog.text
    mirror.begin(checkpoint(tmp_path, 2))
    mirror.finish()
    assert fetch_newest("s3://bucket/gone", tmp_path / "fresh") is not None
