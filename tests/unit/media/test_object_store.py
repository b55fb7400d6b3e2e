"""Objects that are whole or not there, over a storage that throttles, fails and hangs up."""

from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from emotalk.media import object_store
from emotalk.media.object_store import ObjectStore, StoreFault
from tests.helpers.object_storage import Fault, Faults


def test_what_is_written_is_read_listed_and_removed(faults: Faults, tmp_path: Path) -> None:
    store = ObjectStore("s3://bucket/one/", "output")
    (tmp_path / "file").write_bytes(b"content" * 1000)
    store.write(tmp_path / "file", "a/b.tar")
    store.write_bytes("mark", b"")
    assert store.sizes() == {"a/b.tar": 7000, "mark": 0}
    store.copy_to("a/b.tar", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"content" * 1000
    assert store.read_bytes("a/b.tar", max_bytes=7000) == b"content" * 1000
    with pytest.raises(StoreFault, match="more than 6999 bytes"):
        store.read_bytes("a/b.tar", max_bytes=6999)
    with pytest.raises(FileNotFoundError):
        store.read_bytes("nothing", max_bytes=9)
    store.remove(["mark", "a/b.tar"])
    assert store.sizes() == {}


@pytest.mark.parametrize("fault", ["throttle", "unavailable", "error", "cut"])
def test_a_fault_that_passes_does_no_harm(faults: Faults, tmp_path: Path, fault: Fault) -> None:
    store = ObjectStore(f"s3://bucket/{fault}", "output")
    content = bytes(range(256)) * 400
    (tmp_path / "file").write_bytes(content)
    faults.next = {"PUT": [fault], "GET": [fault]}
    store.write(tmp_path / "file", "x")
    store.copy_to("x", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content
    assert fault in faults.met
    assert not faults.next["PUT"]


def test_a_large_file_goes_in_parts_of_which_one_is_cut(
    faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "PART_BYTES", 6 * 2**20)
    store = ObjectStore("s3://bucket/parts", "output")
    size = 16 * 2**20
    with (tmp_path / "file").open("wb") as file:
        file.truncate(size)
    faults.next = {"PUT": ["cut"]}
    store.write(tmp_path / "file", "x")
    assert store.sizes() == {"x": size}
    assert sum(method == "PUT" for method, _ in faults.seen) >= 4, "three parts, one of them twice"


def test_a_storage_that_never_answers_leaves_nothing_under_the_name(
    faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "TRIES", 2)
    store = ObjectStore("s3://bucket/never", "output")
    (tmp_path / "file").write_bytes(b"x" * 1000)
    faults.next = {"PUT": ["cut"] * 200}
    with pytest.raises(StoreFault, match="s3://bucket/never/x: 2 tries failed"):
        store.write(tmp_path / "file", "x")
    faults.next.clear()
    assert store.sizes() == {}


def test_wrong_credentials_are_said_at_once(
    faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "WRONGKEY")
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        with pytest.raises(WrongUse, match=r"output: s3://bucket/w.*access is refused.*AWS_ACCESS"):
            ObjectStore("s3://bucket/w", "output").write_bytes("x", b"content")
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
    assert len(faults.seen) <= 3


@pytest.mark.parametrize("url", ["https://host/set", "file:///tmp/x", "sftp://host/x", "zip://a"])
def test_other_protocols_are_refused(url: str) -> None:
    with pytest.raises(WrongUse, match=r"output: .* is no object storage"):
        ObjectStore(url, "output")
