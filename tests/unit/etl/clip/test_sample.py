"""One raw clip becomes one sample, or is named."""

from pathlib import Path

import pytest

from emotalk.config.etl import QualityConfig
from emotalk.media.frames import read_video
from emotalk.schema import ClipLabel, Rejection
from etl.clip.sample import _sound
from etl.corpora.listing import SourceClip
from tests.helpers.clips import tone, write_clip


def test_no_more_sound_is_read_than_two_clips_could_have(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.ts", seconds=1.0, container="mpegts", sound=tone(3.0))
    clip = SourceClip(ClipLabel("a", "a.ts", "1001", "neutral"), path)
    sound, is_own = _sound(clip, read_video(path), QualityConfig(max_seconds=1.6))
    assert is_own
    assert sound.end_s > 2.9
    with pytest.raises(Rejection, match="at most 2 s are read") as caught:
        _sound(clip, read_video(path), QualityConfig(max_seconds=1.0))
    assert caught.value.reason == "too_long"
