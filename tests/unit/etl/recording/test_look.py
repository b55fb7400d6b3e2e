"""Recordings that cannot be cut are named, each with its reason; nothing hangs."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from emotalk.config.etl import EtlConfig
from emotalk.faces.backends.sidecar import SidecarLandmarks
from emotalk.faces.landmarks import NO_FACE, FaceLandmarks, LandmarkDetector
from emotalk.media.encode import AudioTrack, encode_video
from emotalk.media.stretch_frames import Span, read_stretch
from emotalk.schema import Bytes, ClipLabel, Rejection
from emotalk.synthetic.voice import VOICE_RATE
from etl.clip.files import stamp_of
from etl.corpora.listing import SourceClip
from etl.recording.look import look_at
from etl.recording.recording import Recording
from tests.helpers.clips import face_in_frame, frames
from tests.helpers.recordings import FPS, SHORT, Shot, sentence, write_recording
from tests.media_matrix.flash_beep import FFMPEG, _run


class FacesByBrightness:
    """Finds as many faces as a function of the frame's number says."""

    def __init__(self, counts: Iterable[int]) -> None:
        self.counts = list(counts)
        self.asked: list[int] = []

    def detect(
        self,
        frames: Sequence[Bytes],
        *,
        clip: Path | None = None,
        indices: Sequence[int] | None = None,
    ) -> list[FaceLandmarks]:
        del frames, clip
        self.asked += indices or []
        return [_faces(self.counts[index]) for index in indices or []]

    def track(
        self,
        frames: Iterable[Bytes],
        *,
        clip: Path | None = None,
        indices: Iterable[int] | None = None,
    ) -> Iterator[tuple[Bytes, FaceLandmarks]]:
        raise NotImplementedError


def _faces(count: int) -> FaceLandmarks:
    points_LP = face_in_frame().astype(np.float32)
    box = np.concatenate([points_LP.min(0), points_LP.max(0)]).astype(np.float64)
    return FaceLandmarks(count, box=box, score=0.9, landmarks_LP=points_LP) if count else NO_FACE


def config_for(folder: Path, **more: object) -> EtlConfig:
    return EtlConfig.model_validate(
        {
            "corpus": "folder",
            "source": str(folder),
            "output": str(folder / "out"),
            "landmarks": {"backend": "sidecar"},
            **SHORT,
            **more,
        }
    )


def looked_at(
    path: Path, config: EtlConfig | None = None, detector: LandmarkDetector | None = None
) -> Recording:
    config = config or config_for(path.parent)
    clip = SourceClip(ClipLabel("talk", path.name, "anna", "neutral"), path)
    if detector is None:
        detector = SidecarLandmarks(path.parent / "landmarks", source=path.parent)
    source = stamp_of(clip, config)
    return look_at(clip, detector, config, source=source, on_progress=lambda *_: None)


def why_not(path: Path, detector: LandmarkDetector | None = None) -> tuple[str, str]:
    with pytest.raises(Rejection) as caught:
        looked_at(path, detector=detector)
    return caught.value.reason, caught.value.detail


def test_a_recording_in_which_nobody_speaks_is_named_before_a_picture_is_decoded(
    tmp_path: Path,
) -> None:
    path = write_recording(tmp_path, "talk.mp4", [Shot(6.0)])
    detector = FacesByBrightness([1] * 150)
    reason, detail = why_not(path, detector)
    assert reason == "no_voice"
    assert "nobody speaks in its 6 s" in detail
    assert detector.asked == []


def test_long_silence_and_a_still_picture_are_named(tmp_path: Path) -> None:
    """Ten minutes, four frames in each."""
    path = tmp_path / "talk.mkv"
    encode_video(
        path,
        (frames(1)[0] for _ in range(40)),
        fps=FPS / 375,
        container="matroska",
        options={"preset": "ultrafast"},
        audio=AudioTrack(np.zeros(600 * 16_000, np.float32), 16_000, "flac"),
    )
    reason, detail = why_not(path, FacesByBrightness([1] * 40))
    assert (reason, detail) == ("no_voice", "talk.mkv: nobody speaks in its 600 s of sound")


def test_a_voice_without_a_face_is_named(tmp_path: Path) -> None:
    path = write_recording(tmp_path, "talk.mp4", [Shot(6.0, (0.5, 3.0), face=False)])
    reason, detail = why_not(path)
    assert reason == "no_face"
    assert detail.startswith("no face in any of the ")


def test_a_recording_of_ten_people_is_named(tmp_path: Path) -> None:
    path = write_recording(tmp_path, "talk.mp4", [Shot(6.0, (0.5, 3.0))])
    reason, detail = why_not(path, FacesByBrightness([10] * 150))
    assert reason == "several_faces"
    assert "and no period with one" in detail


def test_of_a_talk_of_two_the_periods_with_one_face_are_taken(tmp_path: Path) -> None:
    path = write_recording(tmp_path, "talk.mp4", [Shot(10.0, (0.5, 3.0, 5.5, 8.0))])
    counts = [2 if 50 <= index < 120 else 1 for index in range(250)]
    recording = looked_at(path, detector=FacesByBrightness(counts))
    assert [(s.start_ms >= 4800, s.end_ms <= 2000) for s in recording.stretches] == [
        (True, False),
        (True, False),
    ]


def test_a_cut_every_second_leaves_no_stretch(tmp_path: Path) -> None:
    path = write_recording(tmp_path, "talk.mp4", [Shot(1.0, (0.1,)) for _ in range(8)])
    reason, detail = why_not(path)
    assert reason == "no_stretch"
    assert "none of 2 to 3.5 s in 8 s" in detail
    assert "periods of one shot with one steady face lasts" in detail


def test_sound_alone_and_picture_alone_are_named(tmp_path: Path) -> None:
    path = write_recording(tmp_path, "talk.mp4", [Shot(6.0, (0.5,))], sound=False)
    assert why_not(path)[0] == "no_audio"
    if FFMPEG is None:
        pytest.skip("needs Debian's ffmpeg: apt-get install ffmpeg")
    write_recording(tmp_path, "both.mp4", [Shot(6.0, (0.5,))])
    _run("-i", str(tmp_path / "both.mp4"), "-vn", "-c", "copy", str(tmp_path / "sound.mp4"))
    assert why_not(tmp_path / "sound.mp4")[0] == "no_video"


@pytest.mark.parametrize(
    ("name", "share", "reason"),
    [
        ("talk.mp4", 0.7, "unreadable"),
        ("talk.mkv", 0.5, "truncated_video"),
        ("talk.mkv", 0.01, "no_video"),
    ],
)
def test_a_truncated_recording_is_named(
    tmp_path: Path, name: str, share: float, reason: str
) -> None:
    path = write_recording(tmp_path, name, [Shot(6.0, (0.5, 3.5))])
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert why_not(path)[0] in {reason, "truncated_audio"}


@pytest.mark.parametrize("name", ["talk.mp4", "talk.mkv"])
def test_a_damaged_picture_ends_a_period_and_the_rest_is_used(tmp_path: Path, name: str) -> None:
    path = write_recording(tmp_path, name, [Shot(13.0, (0.5, 3.5, 6.2, 10.5))])
    whole = looked_at(path)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(300)
    path.write_bytes(data)
    recording = looked_at(path)
    assert recording.left_out_s["damaged"] > 0
    lost = set(whole.stretches) - set(recording.stretches)
    assert 1 <= len(lost) <= 2
    assert {whole.stretches[0], whole.stretches[-1]} <= set(recording.stretches)


def test_a_recording_that_is_mostly_damaged_is_named(tmp_path: Path) -> None:
    path = write_recording(tmp_path, "talk.mp4", [Shot(6.0, (0.5, 3.5))])
    data = bytearray(path.read_bytes())
    step = len(data) // 40
    for at in range(step, len(data) - step, step):
        data[at : at + step // 3] = bytes(step // 3)
    path.write_bytes(data)
    assert why_not(path)[0] in {"unreadable", "no_voice", "truncated_audio"}


def test_a_recording_without_an_index_and_with_a_variable_rate_is_cut(tmp_path: Path) -> None:
    if FFMPEG is None:
        pytest.skip("needs Debian's ffmpeg: apt-get install ffmpeg")
    write_recording(tmp_path, "both.mp4", [Shot(8.0, (0.5, 3.4, 6.0))])
    vary = ("-vf", "select='lt(t,4)+not(mod(n,3))'", "-fps_mode", "vfr", "-bf", "2")
    found = {}
    for suffix in ("ts", "mkv", "mp4"):
        path = tmp_path / f"vary.{suffix}"
        _run("-i", str(tmp_path / "both.mp4"), *vary, "-c:v", "libx264", "-c:a", "aac", str(path))
        recording = looked_at(path, detector=FacesByBrightness([1] * 250))
        found[suffix] = [(s.start_ms, s.end_ms) for s in recording.stretches]
    live = tmp_path / "live.mkv"  # without seeking back: no duration, no index
    _run("-i", str(tmp_path / "vary.mkv"), "-c", "copy", "-f", "matroska", "-live", "1", str(live))
    found["live"] = [
        (s.start_ms, s.end_ms)
        for s in looked_at(live, detector=FacesByBrightness([1] * 250)).stretches
    ]
    assert len(found["mp4"]) == 3
    for stretches in found.values():
        np.testing.assert_allclose(stretches, found["mp4"], atol=70)


@pytest.mark.parametrize(("kept", "sentences"), [("lt(t,2.9)+gt(t,6)", 2), ("lt(t,2.9)", 1)])
def test_speech_in_a_gap_of_the_picture_is_in_no_stretch(
    tmp_path: Path, kept: str, sentences: int
) -> None:
    """There are no frames to read again; the parts before and after the gap are used."""
    if FFMPEG is None:
        pytest.skip("needs Debian's ffmpeg: apt-get install ffmpeg")
    write_recording(tmp_path, "both.mp4", [Shot(9.0, (0.5, 3.4, 6.5))])
    path = tmp_path / "gap.mkv"
    vary = ("-vf", f"select='{kept}+eq(n,224)'", "-fps_mode", "vfr")
    _run("-i", str(tmp_path / "both.mp4"), *vary, "-c:v", "libx264", "-c:a", "aac", str(path))
    recording = looked_at(path, detector=FacesByBrightness([1] * 250))
    assert len(recording.stretches) == sentences
    for found in recording.stretches:
        assert found.end_ms <= 3000 or found.start_ms >= 6000
        span = Span(found.start_ms / 1000, found.end_ms / 1000)
        read_stretch(path, span, first=found.first_frame, stamps_crc=found.stamps_crc, seeks=True)


def test_no_stretch_reaches_beyond_the_end_of_the_sound(tmp_path: Path) -> None:
    """It takes its silence from before the words; its clip would be rejected else."""
    if FFMPEG is None:
        pytest.skip("needs Debian's ffmpeg: apt-get install ffmpeg")
    write_recording(tmp_path, "both.mp4", [Shot(8.0, (2.0,))])
    path = tmp_path / "short.mkv"
    _run("-i", str(tmp_path / "both.mp4"), "-c:v", "copy", "-af", "atrim=end=3.95", str(path))
    config = config_for(tmp_path, stretches={"min_seconds": 3.4, "max_seconds": 3.5})
    (found,) = looked_at(path, config, FacesByBrightness([1] * 250)).stretches
    assert found.end_ms <= 3950 + 1000 * config.quality.max_audio_gap_s + 40
    assert found.seconds >= 3.39


def test_faces_are_looked_for_twice_a_second_and_where_somebody_speaks(tmp_path: Path) -> None:
    path = write_recording(tmp_path, "talk.mp4", [Shot(12.0, (0.5,)), Shot(3.0, (0.5,))])
    detector = FacesByBrightness([1] * 375)
    told: list[float] = []
    config = config_for(tmp_path)
    clip = SourceClip(ClipLabel("talk", path.name, "anna", "neutral"), path)
    look_at(
        clip, detector, config, source=(0, 0), on_progress=lambda done_s, _: told.append(done_s)
    )
    times = np.array(detector.asked) / 25
    assert 300 in detector.asked  # the first frame of the second shot
    assert not ((times > 4.5) & (times < 10.0)).any()
    assert 15 <= len(times) <= 24
    assert told == sorted(told)
    assert len(told) == len(times)


def test_the_same_recording_gives_the_same_stretches_whatever_its_name(tmp_path: Path) -> None:
    path = write_recording(tmp_path, "talk.mp4", [Shot(3.0, (0.5,)), Shot(5.0, (0.5, 2.6))])
    shutil.copy(path, tmp_path / "other.mp4")
    shutil.copy(tmp_path / "landmarks" / "talk.npy", tmp_path / "landmarks" / "other.npy")
    one, other = looked_at(path), looked_at(tmp_path / "other.mp4")
    assert one.stretches == other.stretches
    assert one.sha256 == other.sha256
    assert one.left_out_s == other.left_out_s


def test_speech_over_a_shot_change_is_in_no_stretch(tmp_path: Path) -> None:
    shots = [Shot(3.0, (0.4, 2.3)), Shot(4.0, (1.8,))]
    recording = looked_at(write_recording(tmp_path, "talk.mp4", shots))
    spoken_s = sentence().size / VOICE_RATE
    assert len(recording.stretches) == 2
    first, second = recording.stretches
    assert first.start_ms <= 400
    assert first.end_ms < 2300
    assert 1000 * (2.3 + spoken_s) < second.start_ms <= 4800
    assert recording.left_out_s["broken"] > 0.5


def test_the_summary_says_what_was_left_out(tmp_path: Path) -> None:
    shots = [Shot(3.0, (0.5,)), Shot(4.0, (0.5,), face=False)]
    recording = looked_at(write_recording(tmp_path, "talk.mp4", shots))
    assert recording.summary.startswith("talk.mp4: 1 stretches, 2 of 7 s; left out: ")
    assert "without a face" in recording.summary
