"""A set that is copied to object storage: the manifest last, going on, and read from there."""

from pathlib import Path

import pytest

from emotalk.config.data import RemoteConfig
from emotalk.config.etl import EtlConfig
from emotalk.config.load import load_config
from emotalk.errors import WrongUse
from emotalk.media import object_store
from emotalk.media.object_store import ObjectStore, StoreFault
from emotalk.shards.manifest import Manifest
from emotalk.shards.reader import SampleReader
from emotalk.shards.shard_set import ShardSet
from etl.job.output import read_manifest
from etl.job.publish import publish
from tests.helpers.object_storage import Faults
from tests.helpers.shard_set import empty_members, made_clips, write_shard_set

CLIPS = made_clips(6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shards = [("train", CLIPS[:2]), ("train", CLIPS[2:4]), ("val", CLIPS[4:])]
    return write_shard_set(tmp_path / "set", shards, members_of=empty_members)


def manifest_of(folder: Path) -> Manifest:
    manifest = read_manifest(folder)
    assert manifest is not None
    return manifest


def puts(faults: Faults) -> list[str]:
    return [path for method, path in faults.seen if method == "PUT"]


def test_the_manifest_comes_last_and_the_set_is_read_from_there(
    faults: Faults, folder: Path, tmp_path: Path
) -> None:
    """Through a cache on this machine, while the storage throttles, fails and hangs up."""
    faults.next = {"PUT": ["throttle", "cut", "unavailable"]}
    assert publish(folder, manifest_of(folder), "s3://bucket/read") is True
    assert puts(faults)[-1] == "/bucket/read/manifest.json"
    names = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert ObjectStore("s3://bucket/read", "output").sizes() == names
    faults.next = {"GET": ["throttle", "cut", "error"]}
    remote = RemoteConfig(cache_dir=tmp_path / "cache", backoff_s=0.01)
    shard_set = ShardSet.open("s3://bucket/read", remote)
    samples = [*shard_set.split("train").samples]
    reader = SampleReader(shard_set, verify=True)
    assert [reader.read(sample, ["mp4"]) for sample in samples] == [{"mp4": b"v"}] * 4
    gets = [path for method, path in faults.seen if method == "GET"]
    assert [reader.read(sample, ["mp4"]) for sample in samples] == [{"mp4": b"v"}] * 4
    assert len(faults.seen) >= len(gets)
    again = [path for method, path in faults.seen if method == "GET"]
    assert again == gets, "the second reading is from the disk"


def test_an_interrupted_copy_goes_on(
    faults: Faults, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, url = manifest_of(folder), "s3://bucket/onward"
    store = ObjectStore(url, "output")
    with monkeypatch.context() as patch:
        patch.setattr(object_store, "TRIES", 1)
        patch.setattr("etl.job.publish.UPLOADS", 1)
        real = ObjectStore.write

        def breaking(self: ObjectStore, path: Path, name: str) -> None:
            if name == "train-000000.index.json":
                raise StoreFault("gone")
            real(self, path, name)

        patch.setattr(ObjectStore, "write", breaking)
        with pytest.raises(StoreFault, match="gone"):
            publish(folder, manifest, url)
    there = store.sizes()
    assert "train-000000.tar" in there
    assert "manifest.json" not in there, "no reader takes it for a set"
    faults.seen.clear()
    assert publish(folder, manifest, url) is True
    assert "/bucket/onward/train-000000.tar" not in puts(faults), "which had arrived"
    assert set(store.sizes()) == {path.name for path in folder.iterdir()}
    faults.seen.clear()
    assert publish(folder, manifest, url) is False
    assert puts(faults) == []


def test_what_arrived_of_another_version_is_sent_again(faults: Faults, folder: Path) -> None:
    store = ObjectStore("s3://bucket/version", "output")
    tar = folder / "train-000000.tar"
    store.write_bytes(tar.name, bytes(tar.stat().st_size))
    store.write_bytes(f".work/{tar.name}.{'0' * 32}", b"")
    assert publish(folder, manifest_of(folder), "s3://bucket/version") is True
    assert store.read_bytes(tar.name, max_bytes=10**6) == tar.read_bytes()
    assert set(store.sizes()) == {path.name for path in folder.iterdir()}


def test_nothing_of_others_is_overwritten(faults: Faults, folder: Path) -> None:
    store = ObjectStore("s3://bucket/others", "output")
    store.write_bytes("photo.jpg", b"mine")
    with pytest.raises(WrongUse, match=r"holds photo\.jpg, which this set has not"):
        publish(folder, manifest_of(folder), "s3://bucket/others")
    store.remove(["photo.jpg"])
    store.write_bytes("manifest.json", b"{}")
    with pytest.raises(WrongUse, match="another shard set"):
        publish(folder, manifest_of(folder), "s3://bucket/others")
    assert puts(faults) == ["/bucket/others/photo.jpg", "/bucket/others/manifest.json"]


def test_an_output_in_object_storage_needs_a_folder_to_make_the_set_in(tmp_path: Path) -> None:
    words = ["source=x", "output=s3://bucket/set"]
    preset = Path("configs/etl/folder.yaml")
    with pytest.raises(WrongUse, match=r"output=s3://bucket/set is object storage: also give stag"):
        load_config(EtlConfig, preset, words)
    config = load_config(EtlConfig, preset, [*words, f"staging={tmp_path}"])
    assert (config.output, config.publish) == (tmp_path, "s3://bucket/set")
