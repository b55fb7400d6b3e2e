"""What tells a clip's files from later ones: all of them, by stamp, content and time."""

import os
import time
from pathlib import Path

import pytest

from emotalk.config.etl import EtlConfig
from emotalk.schema import ClipLabel
from etl.clip.files import (
    changed_since,
    content_digest,
    digest_unless_changed,
    files_of,
    stamp_of,
)
from etl.corpora.listing import SourceClip
from etl.corpora.media_file import RemoteFile, SourceLost, stamp


def config(source: Path, backend: str = "sidecar") -> EtlConfig:
    tree = {"corpus": "folder", "source": str(source), "output": "out",
            "landmarks": {"backend": backend}}  # fmt: skip
    return EtlConfig.model_validate(tree)


@pytest.fixture
def clip(tmp_path: Path) -> SourceClip:
    for name in ("sub/a.mp4", "sub/a.wav", "landmarks/a.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    label = ClipLabel("k", "sub/a.mp4", "anna", "anger")
    return SourceClip(label, tmp_path / "sub/a.mp4", tmp_path / "sub/a.wav")


def test_a_clip_s_files_are_its_video_its_sound_and_its_landmarks(
    tmp_path: Path, clip: SourceClip
) -> None:
    video, sound = tmp_path / "sub/a.mp4", tmp_path / "sub/a.wav"
    beside = (tmp_path / "landmarks/sub/a.npy", tmp_path / "landmarks/a.npy")
    assert files_of(clip, config(tmp_path)) == (video, sound, *beside)
    assert files_of(clip, config(tmp_path, "insightface")) == (video, sound)
    assert files_of(SourceClip(clip.label, video), config(tmp_path, "insightface")) == (video,)


def test_a_clip_of_one_file_has_that_file_s_stamp(tmp_path: Path, clip: SourceClip) -> None:
    alone = SourceClip(clip.label, clip.video)
    assert stamp_of(alone, config(tmp_path, "insightface")) == stamp(clip.video)


def test_a_node_that_lost_the_source_says_so_instead_of_calling_its_files_changed(
    tmp_path: Path, clip: SourceClip
) -> None:
    settings = config(tmp_path)
    seen = stamp_of(clip, settings)
    assert digest_unless_changed((clip, seen), settings) == content_digest(clip, settings)
    assert digest_unless_changed((clip, (0, 0)), settings) == ""
    with pytest.raises(SourceLost, match="cannot be read any more"):
        digest_unless_changed((clip, seen), config(tmp_path / "gone"))


@pytest.mark.parametrize("name", ["sub/a.mp4", "sub/a.wav", "landmarks/a.npy"])
def test_any_of_the_files_changes_stamp_and_digest(
    tmp_path: Path, clip: SourceClip, name: str
) -> None:
    settings = config(tmp_path)
    before = stamp_of(clip, settings), content_digest(clip, settings)
    (tmp_path / name).write_text("other words")
    assert stamp_of(clip, settings) != before[0]
    changed = content_digest(clip, settings)
    assert changed != before[1]
    (tmp_path / name).unlink()
    assert content_digest(clip, settings) not in {before[1], changed}


def test_a_file_that_appears_counts(tmp_path: Path, clip: SourceClip) -> None:
    settings = config(tmp_path)
    before = stamp_of(clip, settings), content_digest(clip, settings)
    (tmp_path / "landmarks/sub").mkdir()
    (tmp_path / "landmarks/sub/a.npy").write_text("nearer")
    assert stamp_of(clip, settings) != before[0]
    assert content_digest(clip, settings) != before[1]


def test_the_digest_is_of_content_and_not_of_time_or_place(
    tmp_path: Path, clip: SourceClip
) -> None:
    before = content_digest(clip, config(tmp_path))
    os.utime(clip.video, (1, 1))  # type: ignore[arg-type]
    assert content_digest(clip, config(tmp_path)) == before


def test_files_written_later_are_noticed_whatever_time_they_claim(
    tmp_path: Path, clip: SourceClip
) -> None:
    assert isinstance(clip.video, Path)
    now = time.time_ns() + 10**9  # file systems' clocks may be a little behind
    assert not changed_since([clip.video, tmp_path / "gone"], now)
    assert changed_since([tmp_path / "gone", clip.video], now - 3600 * 10**9)
    os.utime(clip.video, (1, 1))
    assert changed_since([clip.video], now - 3600 * 10**9)
    assert not changed_since([RemoteFile("http://nowhere/a.mp4")], 0)
