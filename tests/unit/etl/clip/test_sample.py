"""One raw clip becomes one sample, or is named."""

from fractions import Fraction
from pathlib import Path

import pytest

from emotalk.config.etl import EtlConfig, QualityConfig
from emotalk.faces.backends import build_landmark_detector
from emotalk.lip_sync.estimate import SyncEstimate
from emotalk.media.frames import read_video
from emotalk.schema import AlignedSample, ClipLabel, Rejection, Sync, Word
from etl.clip import sync
from etl.clip.sample import _sound, make_sample
from etl.clip.sync import parts_in_step
from etl.corpora.listing import SourceClip
from tests.helpers.clips import tone, write_clip, write_in_parts, write_sidecar


def test_no_more_sound_is_read_than_two_clips_could_have(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.ts", seconds=1.0, container="mpegts", sound=tone(3.0))
    clip = SourceClip(ClipLabel("a", "a.ts", "1001", "neutral"), path)
    sound, is_own = _sound(clip, read_video(path), QualityConfig(max_seconds=1.6))
    assert is_own
    assert sound.end_s > 2.9
    with pytest.raises(Rejection, match="at most 2 s are read") as caught:
        _sound(clip, read_video(path), QualityConfig(max_seconds=1.0))
    assert caught.value.reason == "too_long"


def shifted_by(
    shifted: int,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    align: str = "first_frame",
    min_seconds: float = 0.4,
) -> AlignedSample:
    """Return the sample of a clip of 2 s whose sound is found to be late by so many frames."""
    path = write_clip(folder / "a.flv", seconds=2.0, fps=Fraction(25))
    write_sidecar(folder / "landmarks", "a", 50)
    (folder / "a.words.csv").write_text("word,start,end\none,0.1,0.5\ntwo,0.6,1.9\n")
    config = EtlConfig.model_validate(
        {
            "corpus": "folder",
            "source": str(folder),
            "output": "x",
            "align": align,
            "landmarks": {"backend": "sidecar"},
            "quality": {"sync": "correct", "min_face_motion": 0, "min_seconds": min_seconds},
        }
    )
    found = SyncEstimate(shifted, 0.9, "shifted" if shifted else "in_step", 0.5)
    monkeypatch.setattr(sync, "estimate_sync", lambda *_: found)
    detector = build_landmark_detector(config.landmarks, source=folder)
    label = ClipLabel("a", "a.flv", "1001", "neutral")
    return make_sample(SourceClip(label, path, words=folder / "a.words.csv"), detector, config)


@pytest.mark.parametrize("align", ["first_frame", "every_frame"])
@pytest.mark.parametrize("shifted", [3, -3])
def test_a_shift_cuts_sound_and_picture_at_opposite_ends_and_all_that_belongs_to_them(
    shifted: int, align: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = shifted_by(0, tmp_path, monkeypatch, align=align)
    sample = shifted_by(shifted, tmp_path, monkeypatch, align=align)
    seen, heard = parts_in_step(50, shifted)
    assert len(sample.frames_THWC) == len(sample.landmarks_TLP) == 47
    assert (sample.frames_THWC == whole.frames_THWC[seen]).all()
    assert (sample.landmarks_TLP == whole.landmarks_TLP[seen]).all()
    audio_S = whole.audio_S[heard.start * 320 : heard.stop * 320]
    assert (sample.audio_S == audio_S).all()
    wanted = whole.transforms if align == "first_frame" else whole.transforms[seen]
    assert (sample.transforms == wanted).all()
    assert sample.sync == Sync(shifted, 0.9, "shifted", shifted)
    assert sample.measures["seconds"] == pytest.approx(1.88)
    assert whole.words is not None
    assert sample.words is not None
    late_s = max(shifted, 0) / 25
    starts = [round(max(0.0, word.start - late_s), 4) for word in whole.words]
    assert [word.start for word in sample.words] == starts
    assert sample.words[-1].end == pytest.approx(min(1.88, whole.words[-1].end - late_s))


def test_what_is_too_short_after_a_shift_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Rejection, match=r"1\.88 s, at least 1\.9 s") as caught:
        shifted_by(3, tmp_path, monkeypatch, min_seconds=1.9)
    assert caught.value.reason == "too_short"


def sample_with_words(folder: Path, words: str) -> AlignedSample:
    """Return the sample of a clip whose sound begins at 0.12 s."""
    path = write_in_parts(folder / "a.mkv", [(0.12, tone(0.28, rate=48_000))])
    write_sidecar(folder / "landmarks", "a", 10)
    file = folder / "a.words.csv"
    file.write_text(f"word,start,end\n{words}")
    tree = {
        "corpus": "folder",
        "source": str(folder),
        "output": str(folder / "out"),
        "landmarks": {"backend": "sidecar"},
        "quality": {"min_seconds": 0.1},
    }
    config = EtlConfig.model_validate(tree)
    clip = SourceClip(ClipLabel("a", "a.mkv", "x", None), path, words=file)
    return make_sample(clip, build_landmark_detector(config.landmarks, source=folder), config)


def test_words_are_told_from_the_sample_s_first_frame(tmp_path: Path) -> None:
    sample = sample_with_words(tmp_path, "one,0.02,0.1\ntwo,0.2,0.3\n")
    assert len(sample.frames_THWC) == 7
    assert sample.words == (Word("two", 0.08, 0.18),)


def test_words_that_end_after_the_recording_reject_the_clip(tmp_path: Path) -> None:
    with pytest.raises(
        Rejection, match=r"last word ends at 30 s, the recording at 0\.40 s"
    ) as caught:
        sample_with_words(tmp_path, "one,20,30\n")
    assert (caught.value.reason, caught.value.clip) == ("bad_words", "a.mkv")
