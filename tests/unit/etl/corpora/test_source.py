"""Corpora at URLs: read like those on disk; a gone file and a gone network are told apart."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.schema import Rejection
from etl.corpora import list_clips
from etl.corpora.media_file import RemoteFile, SourceLost, on_disk, stamp
from etl.corpora.source import UrlSource, open_source


def config(source: str, corpus: str = "crema_d") -> EtlConfig:
    return EtlConfig.model_validate({"corpus": corpus, "source": source, "output": "out"})


@pytest.fixture
def memory() -> Iterator[str]:
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield "memory://corpora/crema"
    system.store.clear()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address of a server that serves it."""
    root = tmp_path / "served"
    root.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield root, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotalk.media.remote.time.sleep", lambda _: None)


def test_a_corpus_in_an_object_store_is_listed_with_its_tables(memory: str) -> None:
    system = fsspec.filesystem("memory")
    for name in ("VideoFlash/1001_IEO_ANG_HI.flv", "AudioWAV/1001_IEO_ANG_HI.wav"):
        system.pipe_file(f"/corpora/crema/{name}", b"x")
    system.pipe_file(
        "/corpora/crema/summaryTable.csv",
        b'"","FileName","VoiceVote","VoiceLevel"\n"1","1001_IEO_ANG_HI","A","50"\n',
    )
    (clip,) = list_clips(config(memory)).clips
    assert clip.video == RemoteFile(f"{memory}/VideoFlash/1001_IEO_ANG_HI.flv")
    assert clip.audio == RemoteFile(f"{memory}/AudioWAV/1001_IEO_ANG_HI.wav")
    assert clip.label.extra["votes"]["voice"]["agreement"] == 1


def test_a_corpus_on_a_web_server_is_listed_and_its_clips_lent_for_a_while(
    web: tuple[Path, str],
) -> None:
    root, address = web
    (root / "VideoFlash").mkdir()
    (root / "VideoFlash" / "1001_IEO_ANG_HI.flv").write_bytes(b"picture and sound")
    (clip,) = list_clips(config(address)).clips
    assert stamp(clip.video)[0] == 17
    assert stamp(clip.video) == stamp(clip.video)
    with on_disk(clip.video) as path:
        assert path.name == "1001_IEO_ANG_HI.flv"
        assert path.read_bytes() == b"picture and sound"
    assert not path.exists()


def test_a_table_of_clips_needs_no_listing(web: tuple[Path, str]) -> None:
    root, address = web
    (root / "clips.csv").write_text("clip,actor,emotion\na b/ö.mp4,x,anger\n", encoding="utf-8")
    (clip,) = list_clips(config(address, "folder")).clips
    assert clip.video == RemoteFile(f"{address}/a b/ö.mp4")


def test_a_server_that_does_not_answer_stops_the_job_and_judges_no_clip() -> None:
    address = "http://127.0.0.1:9"  # the discard port: nothing listens
    with pytest.raises(WrongUse, match=r"source: http://127\.0\.0\.1:9.*4 tries.*check"):
        list_clips(config(address))
    with (
        pytest.raises(SourceLost, match="no answer after 4 tries"),
        on_disk(RemoteFile(f"{address}/x.flv")),
    ):
        pass
    assert stamp(RemoteFile(f"{address}/x.flv")) == (0, 0)


def test_an_unknown_protocol_is_refused_with_the_known_ones() -> None:
    with pytest.raises(WrongUse, match=r"unknown protocol 'nosuch'; known: .*http"):
        open_source(config("nosuch://x"))


def test_an_empty_place_is_no_corpus(memory: str) -> None:
    assert UrlSource(memory).files("VideoFlash") is None
    with pytest.raises(WrongUse, match="has no folder VideoFlash"):
        list_clips(config(memory))


def test_file_urls_are_folders(tmp_path: Path) -> None:
    assert open_source(config(f"file://{tmp_path}")).media("a.mp4") == tmp_path / "a.mp4"


NAMES = ("a#1.mp4", "100%.mp4", "what?.mp4", "a b/ö.mp4", "50%25.mp4", "x::y.mp4", "a+b&c=d;e.mp4")


@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_name_holds_it_is_found_on_a_web_server(
    web: tuple[Path, str], name: str
) -> None:
    root, address = web
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(name.encode())
    (root / "clips.csv").write_text(f"clip,actor,emotion\n{name},x,anger\n", encoding="utf-8")
    (clip,) = list_clips(config(address, "folder")).clips
    assert stamp(clip.video)[0] == len(name.encode())
    with on_disk(clip.video) as path:
        assert (path.name, path.read_bytes()) == (Path(name).name, name.encode())
    assert clip.label.clip == name
    assert name in (open_source(config(address)).files("") or [])


def test_a_gone_clip_s_detail_holds_no_secret(web: tuple[Path, str]) -> None:
    _, address = web
    source = UrlSource(address.replace("http://", "http://anna:pw012345@"))
    with pytest.raises(Rejection) as caught, on_disk(source.media("x.flv")):
        pass
    assert "http://***@127.0.0.1" in caught.value.detail
    assert "pw012345" not in caught.value.detail


@pytest.mark.parametrize("url", ["reference://x", "simplecache::http://h/x", "zip://a::http://h/x"])
def test_a_protocol_that_follows_what_a_file_says_is_refused(url: str) -> None:
    with pytest.raises(WrongUse, match="give the address of the files themselves"):
        open_source(config(url))
