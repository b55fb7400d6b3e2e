"""A file's format is recognised by its content, and no other file is opened."""

import os
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from emotalk.errors import WrongUse
from emotalk.inference.speech import read_speech
from emotalk.media.decode import MemberFault, check_video, decode_video_window
from emotalk.media.frames import read_video
from emotalk.schema import Rejection
from tests.helpers.clips import RATE, tone, write_clip
from tests.helpers.sound import read_audio


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clip whose sound and picture nobody may read through another file."""
    return write_clip(tmp_path_factory.mktemp("secret") / "s.mp4", seconds=0.7, container="mp4")


def lists_of(secret: Path) -> dict[str, str]:
    dash = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" mediaPresentationDuration="PT1S">'
        '<Period><AdaptationSet mimeType="audio/mp4"><Representation id="a" bandwidth="1">'
        f"<BaseURL>{secret}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    )
    return {
        "ffconcat": f"ffconcat version 1.0\nfile '{secret.name}'\n",
        "ffconcat by path": f"ffconcat version 1.0\nfile 'file:{secret}'\n",
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        "hls segments": f'#EXTM3U\n#EXT-X-MAP:URI="{secret}"\n#EXTINF:1,\n{secret}\n',
        "dash": dash,
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nm=audio 9 RTP/AVP 0\n",
    }


KINDS = tuple(lists_of(Path("x.mp4")))


@pytest.mark.parametrize("suffix", [".mp4", ".wav", ".m3u8", ".ffconcat", ".mpd", ".sdp", ".flv"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_list_that_names_another_file_is_refused_whatever_it_is_called(
    secret: Path, kind: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(secret.parent)  # from where a relative name would lead to it
    path = secret.with_name(f"list{suffix}")
    path.write_text(lists_of(secret)[kind])
    for read in (read_video, read_audio):
        with pytest.raises(Rejection) as caught:
            read(path)
        assert caught.value.reason == "unreadable"
    with pytest.raises(WrongUse, match="not a media file that FFmpeg reads"):
        read_speech(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_of_a_shard_that_is_a_list_is_a_fault(
    secret: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(secret.parent)
    data = lists_of(secret)[kind].encode()
    with pytest.raises(MemberFault, match="cannot be decoded"):
        decode_video_window(data, 0, 1)
    with pytest.raises(MemberFault):
        check_video(data, 1)


def test_the_lists_would_be_followed_without_the_list_of_formats(secret: Path) -> None:
    path = secret.with_name("open.mp4")
    path.write_text(lists_of(secret)["ffconcat"])
    with av.open(str(path)) as container:
        assert container.format.name == "concat"
        assert container.streams.audio


@pytest.mark.parametrize(
    "name", ["12:30.wav", "http:x.wav", "take %03d.wav", "concat:a|b.wav", "-i.wav"]
)
def test_a_name_that_means_something_to_ffmpeg_is_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / name
    soundfile.write(path, tone(0.5), RATE, format="WAV")
    np.testing.assert_allclose(read_audio(path, rate=RATE), tone(0.5), atol=1e-3)
    monkeypatch.chdir(tmp_path)
    assert read_audio(Path(name)).size == 4000


def test_names_that_are_not_utf_8_are_read(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    shutil.copy(write_clip(tmp_path / "plain.mp4", container="mp4"), path)
    video = read_video(path)
    assert read_audio(path).size
    assert len(list(video)) == len(video)
    assert len(list(video.at([20, 3]))) == 2  # decord's part


def test_what_begins_as_no_container_is_not_handed_to_decord(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / "clip.mkv", container="matroska")
    video = read_video(path)
    data = path.read_bytes()
    path.write_bytes(b"#EXTM3U\n" + data)

    def opened(*_: object, **__: object) -> None:
        raise AssertionError("decord was asked to open a play list")

    monkeypatch.setattr("emotalk.media.frames.decord.VideoReader", opened)
    with pytest.raises(Rejection):
        list(video.at([20, 3]))
