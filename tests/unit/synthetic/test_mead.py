"""The corpus in MEAD's layout is read by the ETL, and is reproducible."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from emotalk.config.etl import EtlConfig, LandmarksConfig
from emotalk.errors import WrongUse
from emotalk.faces.backends import build_landmark_detector
from emotalk.media.frames import read_video
from emotalk.schema import SAMPLES_PER_FRAME
from emotalk.synthetic.mead import every_recording_of, write_mead
from etl.clip.sample import make_sample
from etl.corpora import list_clips
from tests.helpers.sound import read_audio
from tests.unit.synthetic.test_corpus import digests

HEIGHT = 216


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("synthetic") / "mead"
    write_mead(output, actors=2, seed=3, clips_per_actor=2, height=HEIGHT, workers=1)
    return output


def config(corpus: Path) -> EtlConfig:
    return EtlConfig(
        corpus="mead",
        source=str(corpus),
        output=Path("unused"),
        landmarks=LandmarksConfig(backend="sidecar"),
    )


def test_names_and_folders_are_mead_s(corpus: Path) -> None:
    listing = list_clips(config(corpus))
    assert not listing.rejected
    assert {clip.label.emotion for clip in listing.clips} == {"neutral", "anger"}
    assert sorted({clip.label.actor[0] for clip in listing.clips}) == ["M", "W"]
    for clip in listing.clips:
        assert isinstance(clip.audio, Path)
        assert clip.audio.suffix == ".m4a"


def test_pictures_are_wide_and_30_a_second_and_sounds_48_khz(corpus: Path) -> None:
    video = next(corpus.glob("M*/video/front/angry/level_1/001.mp4"))
    with av.open(str(video)) as read:
        stream = read.streams.video[0]
        assert (stream.width, stream.height) == (384, HEIGHT)
        assert stream.average_rate == Fraction(30)
        assert read.streams.audio[0].rate == 48_000
    sound = next(corpus.glob("M*/audio/angry/level_1/001.m4a"))
    alone_S, beside_S = read_audio(sound), read_audio(video)
    shared = min(alone_S.size, beside_S.size) - 400
    assert np.corrcoef(alone_S[:shared], beside_S[:shared])[0, 1] > 0.99
    assert alone_S.size / 8000 == pytest.approx(len(read_video(video)) / 30, abs=0.05)


def test_the_etl_makes_aligned_samples_of_it(corpus: Path) -> None:
    settings = config(corpus)
    detector = build_landmark_detector(settings.landmarks, source=corpus)
    clip = next(c for c in list_clips(settings).clips if c.label.emotion == "anger")
    sample = make_sample(clip, detector, settings)
    assert sample.audio_S.size == len(sample.frames_THWC) * SAMPLES_PER_FRAME
    eyes_LP = sample.landmarks_TLP[0, 36:48]
    assert ((eyes_LP > 20) & (eyes_LP < 108)).all()
    x, y = np.round(sample.landmarks_TLP[0, [36, 45]].mean(0)).astype(int)
    assert sample.frames_THWC[0, y - 4 : y + 4, x - 4 : x + 4].mean() > 60  # skin, not the wall


def test_the_same_parameters_give_the_same_files_with_any_number_of_processes(
    tmp_path: Path, corpus: Path
) -> None:
    again = tmp_path / "again"
    write_mead(again, actors=2, seed=3, clips_per_actor=2, height=HEIGHT, workers=2)
    assert digests(again) == digests(corpus)
    next(again.rglob("*.mp4")).unlink()
    write_mead(again, actors=2, seed=3, clips_per_actor=2, height=HEIGHT, workers=1)
    assert digests(again) == digests(corpus)


def test_sixteen_recordings_hold_every_emotion_at_every_level() -> None:
    first = every_recording_of(1001)[:16]
    assert {(name.emotion, name.level) for name in first} == {
        ("neutral", "level_1"),
        *(
            (emotion, level)
            for emotion in ("angry", "disgusted", "fear", "happy", "sad")
            for level in ("level_1", "level_2", "level_3")
        ),
    }


def test_sizes_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="height is 100; choose 180 to 2160"):
        write_mead(tmp_path / "x", actors=1, seed=0, height=100)
    with pytest.raises(WrongUse, match="clips_per_actor is 193; choose 1 to 192"):
        write_mead(tmp_path / "x", actors=1, seed=0, clips_per_actor=193)
