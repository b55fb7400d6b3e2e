"""Whatever lies in a source, the job goes through: each file gets its own verdict, with advice.

Every file is made here. Each case is one clip of a folder beside two good ones of its actor.
"""

import json
import os
import re
import shutil
import wave
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.media.encode import AudioTrack, encode_video
from emotalk.media.frames import read_video
from emotalk.schema import Bytes, Rejection
from emotalk.shards.inspect import inspect
from etl import shard
from etl.job.output import lock_output
from etl.job.plan import make_plan
from etl.job.run import run_job
from tests.helpers.clips import NTSC, RATE, face_in_frame, frames, tone, write_clip, write_sidecar
from tests.helpers.real_shards import InThisProcess, Quiet
from tests.helpers.shared import shared_data

SECONDS = 0.8
FRAMES = round(SECONDS * NTSC)


def write_table(root: Path, *clips: str) -> None:
    rows = "".join(f'"{clip}",anna,neutral\n' for clip in clips)
    (root / "clips.csv").write_text(f"clip,actor,emotion\n{rows}", encoding="utf-8")


def job(root: Path, output: Path, **more: object) -> dict[str, str]:
    """Run the ETL over a folder in this process; return each rejected clip's reason and detail."""
    config = EtlConfig.model_validate(
        {
            "corpus": "folder",
            "source": str(root),
            "output": str(output),
            "landmarks": {"backend": "sidecar"},
            "split": {"shares": (1, 0, 0)},
            **more,
        }
    )
    plan = make_plan(config)
    with lock_output(output):
        manifest = run_job(config, plan, InThisProcess(), Quiet())
    counts: dict[str, Any] = manifest.clips
    assert counts["found"] == counts["accepted"] + counts["rejected"] == plan.found
    assert inspect(output).ok
    lines = (output / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    rejected = [json.loads(line) for line in lines]
    return {line["clip"]: f"{line['reason']}: {line['detail']}" for line in rejected}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one good clip of each container, and side-car landmarks for any of `x*`."""
    root = tmp_path_factory.mktemp("good")
    write_clip(root / "good.flv", seconds=SECONDS)
    write_clip(root / "good.mp4", seconds=SECONDS, container="mp4")
    write_sidecar(root / "landmarks", "good", FRAMES)
    return root


@pytest.fixture
def root(tmp_path: Path, good: Path) -> Path:
    shutil.copytree(good, tmp_path / "source")
    return tmp_path / "source"


def empty(path: Path) -> None:
    path.touch()


def random_bytes(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(20_000))


def text(path: Path) -> None:
    path.write_text("Dear diary, I am no video.\n" * 99)


def pointer(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:10dc\nsize 265922\n")


def half(container: str) -> Callable[[Path], None]:
    """Return who writes the first half of the bytes of a clip in that container."""

    def write(path: Path) -> None:
        codec = "pcm_s16le" if container == "avi" else "aac"
        write_clip(path, seconds=2.0, container=container, codec=codec)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        write_sidecar(path.parent / "landmarks", path.stem, 70)

    return write


def without_sound(path: Path) -> None:
    write_clip(path, seconds=SECONDS, silent_file=True)


def sound_alone(path: Path) -> None:
    soundfile.write(path, tone(SECONDS), RATE, format="WAV")


def sound_of_no_length(path: Path) -> None:
    write_clip(path, seconds=SECONDS, container="matroska", sound=tone(0.0), codec="pcm_s16le")


def header_of_a_wav(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))


def short_sound(path: Path) -> None:
    write_clip(path, seconds=1.2, sound=tone(0.6))


def one_frame(path: Path) -> None:
    write_clip(path, seconds=1 / 30)


def header_alone(path: Path) -> None:
    """An FLV that announces picture and sound and ends there: 0 x 0 pixels, 0 frames."""
    path.write_bytes(b"FLV\x01\x05\x00\x00\x00\x09" + 4 * b"\x00")


def folder(path: Path) -> None:
    path.mkdir()


def dangling(path: Path) -> None:
    path.symlink_to(path.with_name("gone.flv"))


def to_itself(path: Path) -> None:
    path.symlink_to(path)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def without_landmarks(path: Path) -> None:
    shutil.copy(path.with_name("good.flv"), path)


BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty.flv": (empty, "empty_file: .*0 bytes; copy the file again"),
    "random.flv": (random_bytes, "unreadable: .*not a media file"),
    "text.flv": (text, "unreadable: .*not a media file.*copy or convert"),
    "pointer.flv": (pointer, "git_lfs_pointer: .*`git lfs pull`"),
    "half.flv": (half("flv"), r"truncated_video: .* of the 2\.\d+ s that the header says"),
    "half.avi": (half("avi"), "truncated_(video|audio): "),
    "half.mkv": (half("matroska"), "truncated_(video|audio): "),
    "half.mp4": (half("mp4"), "truncated_(video|audio): .*copy the file again"),
    "mute.flv": (without_sound, "no_audio: .*no audio stream; give a file with sound"),
    "sound.flv": (sound_alone, "no_video: .*no video stream; give a file with a picture"),
    "no_sample.mkv": (sound_of_no_length, "no_audio: .*no sample"),
    "no_sample.wav": (header_of_a_wav, "no_video: "),
    "short_sound.flv": (short_sound, r"truncated_audio: .* s before the picture, at most 0\.3 s"),
    "one_frame.flv": (one_frame, r"too_short: 0\.0\d s, at least 0\.4 s.*lower quality.min_sec"),
    "0x0.flv": (header_alone, "(no_video|unreadable): "),
    "folder.flv": (folder, "missing: .*a folder, not a file"),
    "dangling.flv": (dangling, "missing: .*a dangling link; .*a link must name a file"),
    "circle.flv": (to_itself, "unreadable: .*symbolic links"),
    "pipe.flv": (pipe, "missing: .*a pipe or device, not a file"),
    "absent.flv": (lambda _: None, "missing: .*no such file"),
    "no/folder.flv": (lambda _: None, "missing: .*no such file"),
    "no landmarks.flv": (
        without_landmarks,
        "no_landmarks: .*no landmarks.npy; write it, or set landmarks.backend",
    ),
}


def test_every_bad_file_is_named_with_value_limit_and_advice_and_the_good_ones_go_through(
    tmp_path: Path, root: Path
) -> None:
    for name, (write, _) in BAD.items():
        stem = Path(name).stem
        if stem != "no landmarks" and not name.startswith("half"):
            write_sidecar(root / "landmarks", stem, 60)
        write(root / name)
    write_table(root, "good.flv", *BAD, "good.mp4")
    rejected = job(root, tmp_path / "out")
    assert set(rejected) == set(BAD)
    for name, (_, words) in BAD.items():
        assert re.match(words, rejected[name]), (name, rejected[name])


def test_names_and_endings_do_not_matter(tmp_path: Path, root: Path) -> None:
    names = (
        "an mp4 named.flv",
        "Übung, 100 % fröhlich 🙂.mp4",
        " 会話/日本語 の名前.FLV",
        "it's \\'quoted'; $(rm).mp4".replace("\\", ""),
        "no_ending",
        "x.txt",
        "-rf.mp4",
    )
    for name in names:
        (root / name.strip()).parent.mkdir(exist_ok=True)
        shutil.copy(root / "good.mp4", root / name.strip())
        write_sidecar(root / "landmarks", Path(name.strip()).stem, FRAMES)
    write_table(root, *names)
    assert job(root, tmp_path / "out") == {}


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Root may read everything, so let go of its rights for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


@pytest.mark.parametrize("key", ["source", "clips"])
def test_a_name_that_no_file_can_have_is_wrong_use(key: str, tmp_path: Path) -> None:
    settings = {"source": str(tmp_path), "output": str(tmp_path / "out"), key: "x" * 300}
    words = [f"{name}={value}" for name, value in settings.items()]
    folder = Path(__file__).parents[2] / "configs" / "etl" / "folder.yaml"
    with pytest.raises(WrongUse, match="File name too long"):
        shard.main([str(folder), *words, "--dry-run"])


def test_a_file_that_is_not_ours_to_read_is_named(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for place in (*tmp_path.parents[:2], tmp_path):
        place.chmod(0o755)
    path = write_clip(tmp_path / "clip.flv", seconds=SECONDS)
    inside = write_clip(tmp_path / "closed" / "clip.flv", seconds=SECONDS)
    path.chmod(0o000)
    inside.parent.chmod(0o000)
    request.getfixturevalue("as_nobody")
    for unreadable in (path, inside):
        with pytest.raises(Rejection, match=r"Permission denied.*that you may read") as caught:
            read_video(unreadable)
        assert caught.value.reason == "unreadable"


def test_an_8k_video_is_a_clip_like_any_other(tmp_path: Path, root: Path) -> None:
    size, count = (4320, 7680), 11
    picture = np.asarray(cv2.resize(frames(1, size=(108, 192))[0], size[::-1]), np.uint8)
    encode_video(
        root / "8k.mp4",
        (picture for _ in range(count)),
        fps=Fraction(25),
        options={"preset": "ultrafast", "crf": "30"},
        audio=AudioTrack(tone(count / 25), RATE),
    )
    points = np.repeat(face_in_frame(size)[None], count, 0).astype(np.float32)
    np.save(root / "landmarks" / "8k.npy", points)
    write_table(root, "8k.mp4")
    # This picture is smooth: 4320 lines of it hold no detail that a crop could be sharp with.
    assert job(root, tmp_path / "out", quality={"min_sharpness": 0}) == {}


def test_duplicate_keys_and_a_missing_column_stop_before_any_work(tmp_path: Path) -> None:
    write_table(tmp_path, "a/b.mp4", "a_b.mp4")
    with pytest.raises(WrongUse, match=r"1 keys belong to several clips.*\n.*a/b\.mp4, a_b\.mp4"):
        job(tmp_path, tmp_path / "out")
    (tmp_path / "clips.csv").write_text("clip,emotion\na.mp4,anger\n")
    with pytest.raises(WrongUse, match=r"no column actor .found: clip, emotion"):
        job(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_too_many_rejected_still_write_everything(tmp_path: Path, root: Path) -> None:
    (root / "empty.flv").touch()
    write_table(root, "good.flv", "empty.flv")
    rejected = job(root, tmp_path / "out", max_rejected_share=0.0)
    assert list(rejected) == ["empty.flv"]
    assert len(list((tmp_path / "out").glob("*.tar"))) == 1


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """Return the bytes with some changed, lost, doubled or zeroed, often those of the header."""
    broken = bytearray(data)
    kind = random.choice(["bytes", "header", "cut", "lost", "doubled", "zeros"])
    place, length = int(random.integers(len(data))), int(random.integers(1, 3000))
    if kind in ("bytes", "header"):
        end = len(data) if kind == "bytes" else min(len(data), 1500)
        for at in random.integers(0, end, random.integers(1, 40)):
            broken[at] = random.integers(256)
    elif kind == "cut":
        del broken[place:]
    elif kind == "lost":
        del broken[place : place + length]
    elif kind == "doubled":
        broken[place:place] = data[max(0, place - length) : place]
    else:
        broken[place : place + length] = bytes(len(broken[place : place + length]))
    return bytes(broken)


@pytest.mark.parametrize("container", ["flv", "mp4", "matroska", "avi"])
def test_damage_anywhere_gives_a_clip_or_a_reason_and_never_a_fault_of_ours(
    tmp_path: Path, container: str
) -> None:
    codec = "pcm_s16le" if container == "avi" else "aac"
    whole = write_clip(tmp_path / "whole", seconds=0.6, container=container, codec=codec)
    random = np.random.default_rng(1)
    names = [f"{number}.flv" for number in range(15)]
    for name in names:
        (tmp_path / name).write_bytes(damaged(whole.read_bytes(), random))
        write_sidecar(tmp_path / "landmarks", Path(name).stem, 60)
    write_table(tmp_path, *names)
    rejected = job(tmp_path, tmp_path / "out", quality={"min_sharpness": 0})
    assert 0 < len(rejected) < 15


@pytest.mark.parametrize(("tag", "words"), [(b"V_MPEG4", "picture"), (b"A_AAC", "sound")])
def test_a_codec_that_nobody_knows_is_named(tmp_path: Path, tag: bytes, words: str) -> None:
    path = write_clip(tmp_path / "clip.mkv", seconds=SECONDS, container="matroska")
    data = path.read_bytes()
    assert data.count(tag) == 1
    path.write_bytes(data.replace(tag, tag[:-2] + b"ZZ"))
    write_sidecar(tmp_path / "landmarks", "clip", FRAMES)
    write_table(tmp_path, "clip.mkv")
    rejected = job(tmp_path, tmp_path / "out")
    assert re.match(f"unreadable: .*the {words}'s codec is not known", rejected["clip.mkv"])


# Real faces, found by real models.


def faces_job(root: Path, output: Path, **more: object) -> dict[str, str]:
    pack = shared_data("data", "insightface")
    return job(root, output, landmarks={"pack": "faces68", "root": str(pack)}, **more)


def real_frames(name: str, count: int) -> Bytes:
    video = read_video(shared_data("data", "clips", "grid", name))
    return np.stack([frame for _, frame in zip(range(count), video, strict=False)])


def write_frames(path: Path, made: Bytes) -> None:
    sound = AudioTrack(tone(len(made) / 25), RATE)
    encode_video(path, made, fps=Fraction(25), options={"crf": "10"}, audio=sound)


def test_no_face_two_faces_and_a_face_that_leaves(tmp_path: Path) -> None:
    one, other = real_frames("sbwe5n.mpg", 24), real_frames("lbax4n.mpg", 24)
    scene = np.broadcast_to(frames(1, size=(288, 360)), (24, 288, 360, 3))
    write_frames(tmp_path / "none.mp4", scene)
    write_frames(tmp_path / "two.mp4", np.concatenate([one, other], axis=2))
    write_frames(tmp_path / "leaves.mp4", np.concatenate([one[:12], scene[:12]]))
    write_frames(tmp_path / "small.mp4", np.pad(one[:, ::4, ::4], ((0,), (108,), (135,), (0,))))
    write_frames(tmp_path / "one.mp4", one)
    names = ("none.mp4", "two.mp4", "leaves.mp4", "small.mp4", "one.mp4")
    write_table(tmp_path, *names)
    rejected = faces_job(tmp_path, tmp_path / "out")
    assert set(rejected) == set(names) - {"one.mp4"}
    assert re.match("no_face: no face in 24 of 24 frames", rejected["none.mp4"])
    assert re.match("several_faces: more than 1 face in 24 of 24", rejected["two.mp4"])
    found = re.match(
        r"no_face: no face in 12 of 24 frames .first: 12, .* is 0\.50 of the clip, at least 1 "
        r".*; cut the clip to where the face is seen",
        rejected["leaves.mp4"],
    )
    assert found, rejected["leaves.mp4"]
    assert re.match("(small_face|no_face): ", rejected["small.mp4"])
