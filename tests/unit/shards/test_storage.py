"""Shards at a URL, from a real HTTP server on this machine that fails now and then."""

import contextlib
import gzip
import http.server
import importlib
import importlib.util
import itertools
import shlex
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem

from emotalk.config.data import DataConfig, RemoteConfig
from emotalk.data.batch import ClipBatch
from emotalk.data.loader import ClipLoader, build_loader
from emotalk.errors import WrongUse
from emotalk.media.remote import connect
from emotalk.schema import EMOTIONS
from emotalk.shards.reader import DataFault, SampleReader
from emotalk.shards.shard_set import ShardSet
from tests.helpers.shard_set import empty_members, made_clips, write_shard_set

pytest.importorskip("aiohttp")


@dataclass
class Server:
    """A folder served over HTTP with ranges.

    Attributes:
        url: where.
        asked: how often each file was asked for with GET.
        fail: file -> how many of the next requests for it end with 503.
        knows_ranges: False sends the whole file whatever is asked for.
        packs: True sends everything packed, whether it was asked to or not.
        stall: file -> how many of the next answers to it stop in the middle for a while.
    """

    folder: Path
    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    fail: Counter[str] = field(default_factory=Counter)
    knows_ranges: bool = True
    packs: bool = False
    stall: Counter[str] = field(default_factory=Counter)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    served = Server(tmp_path / "set")
    clips = made_clips(4)
    shards = [("train", clips[:2]), ("train", clips[2:])]
    write_shard_set(served.folder, shards, members_of=empty_members)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            served.asked[name] += 1
            path = served.folder.parent / self.path.lstrip("/")
            if served.fail[name] > 0:
                served.fail[name] -= 1
                self.send_error(503)
                return
            if not path.exists():
                self.send_error(404)
                return
            data, wanted = path.read_bytes(), self.headers.get("Range")
            if wanted and served.knows_ranges:
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                whole, data = len(data), data[int(first) : int(last) + 1]
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{last}/{whole}")
            else:
                self.send_response(200)
            if served.packs:
                data = gzip.compress(data)
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if served.stall[name] > 0:
                served.stall[name] -= 1
                self.wfile.write(data[: len(data) // 2])
                self.wfile.flush()
                time.sleep(2)
            with contextlib.suppress(OSError):  # whoever asked may have gone
                self.wfile.write(data)

        def do_HEAD(self) -> None:
            path = served.folder.parent / self.path.lstrip("/")
            self.send_response(200 if path.exists() else 404)
            self.send_header("Content-Length", str(path.stat().st_size if path.exists() else 0))
            self.send_header("Accept-Ranges", "bytes")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        served.url = f"http://127.0.0.1:{running.server_port}/set"
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield served
        running.shutdown()


def remote(tmp_path: Path, access: str, **more: object) -> RemoteConfig:
    settings = {"access": access, "cache_dir": tmp_path / "cache", "tries": 3, "backoff_s": 0.01}
    return RemoteConfig.model_validate(settings | more)


@pytest.mark.parametrize("access", ["cache", "range"])
def test_samples_are_read_over_http(server: Server, tmp_path: Path, access: str) -> None:
    shard_set = ShardSet.open(server.url, remote(tmp_path, access))
    split = shard_set.split("train")
    assert shard_set.check_sizes(split) == []
    reader = SampleReader(shard_set, verify=True)
    for sample in split.samples:
        assert reader.read(sample, ["mp4", "json"]) == {"mp4": b"v", "json": b"{}"}


def test_a_tar_is_downloaded_once(server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        shard_set = ShardSet.open(server.url, remote(tmp_path, "cache"))
        for sample in shard_set.split("train").samples:
            SampleReader(shard_set).read(sample, ["mp4"])
    assert server.asked["train-000000.tar"] == 1


@pytest.mark.parametrize("access", ["cache", "range"])
def test_a_request_that_fails_is_tried_again(server: Server, tmp_path: Path, access: str) -> None:
    shard_set = ShardSet.open(server.url, remote(tmp_path, access))
    sample = shard_set.split("train").samples[0]
    server.fail["train-000000.tar"] = 2
    assert SampleReader(shard_set).read(sample, ["mp4"]) == {"mp4": b"v"}
    server.fail["train-000001.tar"] = 3
    last = shard_set.split("train").samples[-1]
    with pytest.raises(DataFault, match=r"train-000001\.tar: 3 tries failed"):
        SampleReader(shard_set).read(last, ["mp4"])


@pytest.mark.parametrize("access", ["cache", "range"])
def test_a_server_that_stops_in_the_middle_is_asked_again(
    server: Server, tmp_path: Path, access: str, caplog: pytest.LogCaptureFixture
) -> None:
    shard_set = ShardSet.open(server.url, remote(tmp_path, access, stall_s=0.3))
    sample = shard_set.split("train").samples[0]
    server.stall["train-000000.tar"] = 1
    begin = time.monotonic()
    assert SampleReader(shard_set).read(sample, ["mp4"]) == {"mp4": b"v"}
    assert time.monotonic() - begin < 2  # what one stall lasts
    assert "train-000000.tar: " in caplog.text
    assert server.asked["train-000000.tar"] == 2


def test_a_file_may_take_as_long_as_it_needs() -> None:
    """aiohttp's own limit would end every copy that takes more than five minutes."""
    system, _ = connect("http://127.0.0.1/set", stall_s=7)
    timeout = system.client_kwargs["timeout"]
    assert (timeout.total, timeout.sock_read) == (None, 7)


def test_waits_double_between_tries(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("emotalk.media.remote.time.sleep", waits.append)
    settings = {"access": "range", "tries": 5, "backoff_s": 0.5}
    shard_set = ShardSet.open(server.url, RemoteConfig.model_validate(settings))
    sample = shard_set.split("train").samples[0]
    server.fail["train-000000.tar"] = 4
    assert SampleReader(shard_set).read(sample, ["mp4"]) == {"mp4": b"v"}
    assert waits == [0.5, 1.0, 2.0, 4.0]
    assert server.asked["train-000000.tar"] == 5


def test_a_server_without_ranges_is_told_from_a_fault_that_passes(
    server: Server, tmp_path: Path
) -> None:
    shard_set = ShardSet.open(server.url, remote(tmp_path, "range"))
    sample = shard_set.split("train").samples[0]
    server.knows_ranges = False
    with pytest.raises(DataFault, match=r"it knows no ranges; .* data\.remote\.access=cache"):
        SampleReader(shard_set).read(sample, ["mp4"])
    assert server.asked["train-000000.tar"] == 1
    cached = ShardSet.open(server.url, remote(tmp_path, "cache"))
    assert SampleReader(cached).read(sample, ["mp4"]) == {"mp4": b"v"}


def test_a_server_without_ranges_is_refused_before_a_tar_is_asked_for(
    server: Server, tmp_path: Path
) -> None:
    server.knows_ranges = False
    with pytest.raises(WrongUse, match=r"manifest\.json: asked for 1 byte, .*access=cache"):
        ShardSet.open(server.url, remote(tmp_path, "range"))
    assert set(server.asked) == {"manifest.json"}


def test_what_a_server_packs_is_never_unpacked(server: Server, tmp_path: Path) -> None:
    server.packs = True
    with pytest.raises(WrongUse, match=r"manifest\.json: not valid JSON"):
        ShardSet.open(server.url, remote(tmp_path, "range"))


def loader_of(location: str, remote: RemoteConfig, **options: Any) -> ClipLoader:
    settings = {"batch_size": 2, "frames": 6, "speech_margin_frames": 1, "remote": remote}
    config = DataConfig.model_validate({**settings, **options})
    return build_loader(config, ShardSet.open(location, config.remote), "train", 3, EMOTIONS)


def same(one: ClipBatch, other: ClipBatch) -> bool:
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a is not b]
    return all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) else a == b
        for a, b in pairs
    )


@pytest.mark.parametrize("access", ["cache", "range"])
def test_workers_read_over_http_what_they_read_on_disk(
    server: Server, tmp_path: Path, access: str
) -> None:
    """After this process has asked the server itself: a worker shares none of its connections."""
    shutil.rmtree(server.folder)
    clips = made_clips(4)
    write_shard_set(server.folder, [("train", clips[:2]), ("train", clips[2:])])
    there, here = (
        loader_of(location, remote(tmp_path, access), workers=2)
        for location in (server.url, str(server.folder))
    )
    for one, other in zip(itertools.islice(there, 4), itertools.islice(here, 4), strict=True):
        assert same(one, other)


def test_clips_that_cannot_be_fetched_keep_their_places(server: Server, tmp_path: Path) -> None:
    shutil.rmtree(server.folder)
    clips = made_clips(4)
    write_shard_set(server.folder, [("train", clips[:2]), ("train", clips[2:])])
    settings = remote(tmp_path, "range")
    loader = loader_of(server.url, settings, workers=0, batch_size=4, on_fault="skip")
    server.fail["train-000001.tar"] = 1000
    batch = next(iter(loader))
    valid = {key for key, flag in zip(batch.keys, batch.valid_B, strict=True) if flag}
    assert valid == {"clip0000", "clip0001"}
    assert sum(loader.faults.values()) == 2


@pytest.mark.parametrize("access", ["cache", "range"])
def test_samples_are_read_from_any_filesystem_of_fsspec(
    server: Server, tmp_path: Path, access: str
) -> None:
    MemoryFileSystem().put(f"{server.folder}/*", "/shards/")
    shard_set = ShardSet.open("memory://shards", remote(tmp_path, access))
    reader = SampleReader(shard_set, verify=True)
    for sample in shard_set.split("train").samples:
        assert reader.read(sample, ["mp4", "json"]) == {"mp4": b"v", "json": b"{}"}


class FolderAsBucket(AbstractFileSystem):  # type: ignore[misc]
    """Stands for s3fs: buckets are folders, and every third request fails as one over a network."""

    protocol = "s3"
    root = Path()
    requests = 0

    def _file(self, path: str) -> bytes:
        FolderAsBucket.requests += 1
        if FolderAsBucket.requests % 3 == 0:
            raise OSError(5, "SlowDown: please reduce your request rate")
        return (self.root / path).read_bytes()

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: object
    ) -> bytes:
        """Return bytes of a file."""
        return self._file(path)[start:end]

    def get_file(self, rpath: str, lpath: str, **_: object) -> None:
        """Copy a file."""
        Path(lpath).write_bytes(self._file(rpath))


@pytest.mark.parametrize("access", ["cache", "range"])
def test_samples_are_read_from_a_bucket(
    server: Server, tmp_path: Path, access: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = importlib.import_module("fsspec.registry")._registry
    monkeypatch.setitem(known, "s3", FolderAsBucket)
    monkeypatch.setattr(FolderAsBucket, "root", server.folder.parent)
    shard_set = ShardSet.open(f"s3://{server.folder.name}/", remote(tmp_path, access))
    reader = SampleReader(shard_set)
    for sample in shard_set.split("train").samples:
        assert reader.read(sample, ["mp4", "json"]) == {"mp4": b"v", "json": b"{}"}
    with pytest.raises(WrongUse, match=r"no shard set here \(manifest\.json is missing\)"):
        ShardSet.open("s3://other-bucket", remote(tmp_path, access))


@pytest.mark.skipif(importlib.util.find_spec("s3fs") is not None, reason="s3fs is installed")
def test_a_bucket_without_s3fs_is_refused_with_what_to_install() -> None:
    with pytest.raises(WrongUse, match="s3://bucket/set: Install s3fs to access S3"):
        ShardSet.open("s3://bucket/set")


def test_a_missing_tar_is_not_waited_for(server: Server, tmp_path: Path) -> None:
    shard_set = ShardSet.open(server.url, remote(tmp_path, "range"))
    sample = shard_set.split("train").samples[0]
    (server.folder / "train-000000.tar").unlink()
    with pytest.raises(DataFault, match="is missing"):
        SampleReader(shard_set).read(sample, ["mp4"])


def test_a_damaged_download_is_not_kept(server: Server, tmp_path: Path) -> None:
    shard_set = ShardSet.open(server.url, remote(tmp_path, "cache"))
    sample = shard_set.split("train").samples[0]
    tar = server.folder / "train-000000.tar"
    right = tar.read_bytes()
    tar.write_bytes(right[:-1] + b"X")
    with pytest.raises(DataFault, match="the download's sha256"):
        SampleReader(shard_set).read(sample, ["mp4"])
    tar.write_bytes(right)
    assert SampleReader(shard_set).read(sample, ["mp4"]) == {"mp4": b"v"}


def test_a_copy_that_was_cut_off_is_fetched_again(server: Server, tmp_path: Path) -> None:
    shard_set = ShardSet.open(server.url, remote(tmp_path, "cache"))
    first, last = shard_set.split("train").samples[:2]
    reader = SampleReader(shard_set)
    assert reader.read(first, ["mp4"]) == {"mp4": b"v"}
    copy = next((tmp_path / "cache").glob("*/train-000000.*.tar"))
    copy.write_bytes(copy.read_bytes()[:700])
    assert reader.read(last, ["mp4"]) == {"mp4": b"v"}
    assert server.asked["train-000000.tar"] == 2


def test_samples_are_read_from_a_commands_output(server: Server, tmp_path: Path) -> None:
    """As webdataset's `pipe:`; the first answer to each file is a fault that passes."""
    folder = shutil.move(server.folder, tmp_path / "it's a set")
    seen = tmp_path / "seen"
    seen.mkdir()
    command = f"cd {shlex.quote(str(seen))}; test -e {{}} || {{ touch {{}}; exit 7; }}; "
    location = f"pipe:{command.replace('{{', '{')}cat {shlex.quote(str(folder))}/{{}}"
    shard_set = ShardSet.open(location, remote(tmp_path, "cache"))
    reader = SampleReader(shard_set, verify=True)
    for sample in shard_set.split("train").samples:
        assert reader.read(sample, ["mp4", "json"]) == {"mp4": b"v", "json": b"{}"}


@pytest.mark.parametrize(
    ("location", "access", "message"),
    [
        ("pipe:cat /set/x", "cache", r"needs \{\} where the file's name belongs"),
        ("pipe:cat /set/{}", "range", r"no ranges; .*data\.remote\.access=cache"),
        ("pipe:echo no such bucket >&2; false {}", "cache", "ended with 1: no such bucket"),
        ("pipe:true {}", "cache", r"manifest\.json: not valid JSON"),
    ],
)
def test_commands_that_cannot_be_read_are_refused(
    tmp_path: Path, location: str, access: str, message: str
) -> None:
    with pytest.raises(WrongUse, match=message):
        ShardSet.open(location, remote(tmp_path, access))


def test_a_folder_may_be_given_as_url_link_or_from_home(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "link to it").symlink_to(server.folder)
    for location in (f"file://{server.folder}", str(tmp_path / "link to it"), "~/set", "~/set/"):
        shard_set = ShardSet.open(location)
        sample = shard_set.split("train").samples[0]
        assert SampleReader(shard_set).read(sample, ["mp4"]) == {"mp4": b"v"}


def test_a_url_without_a_shard_set_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no shard set here"):
        ShardSet.open(f"{server.url}/nowhere", remote(tmp_path, "range"))


def test_unknown_protocols_are_refused() -> None:
    with pytest.raises(WrongUse, match="unknown protocol 'htp'"):
        ShardSet.open("htp://host/set")
