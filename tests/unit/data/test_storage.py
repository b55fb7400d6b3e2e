"""Shards at a URL, from a real HTTP server on this machine that fails now and then."""

import http.server
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from emotalk.config.data import RemoteConfig
from emotalk.data.shards import DataFault, SampleReader, ShardSet
from emotalk.errors import WrongUse
from tests.helpers.shard_set import empty_members, made_clips, write_shard_set

pytest.importorskip("aiohttp")


@dataclass
class Server:
    """A folder served over HTTP with ranges.

    Attributes:
        url: where.
        asked: how often each file was asked for with GET.
        fail: file -> how many of the next requests for it end with 503.
    """

    folder: Path
    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    fail: Counter[str] = field(default_factory=Counter)


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
            if wanted:
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                whole, data = len(data), data[int(first) : int(last) + 1]
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{last}/{whole}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
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
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield served
        running.shutdown()


def remote(tmp_path: Path, access: str) -> RemoteConfig:
    settings = {"access": access, "cache_dir": tmp_path / "cache", "tries": 3, "backoff_s": 0.01}
    return RemoteConfig.model_validate(settings)


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


def test_a_url_without_a_shard_set_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no shard set here"):
        ShardSet.open(f"{server.url}/nowhere", remote(tmp_path, "range"))


def test_unknown_protocols_are_refused() -> None:
    with pytest.raises(WrongUse, match="unknown protocol 'htp'"):
        ShardSet.open("htp://host/set")
