"""Pairs are read beside each other; what differs is said, and too much leaves the pair out."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotalk.config.evaluate_pairs import PairsConfig
from emotalk.evaluation.pairs import reading
from emotalk.evaluation.pairs.aligned_video import AlignedVideo
from emotalk.evaluation.pairs.listing import Pair
from emotalk.evaluation.pairs.reading import ReadPair, UnfitPair, read_pair
from emotalk.media.encode import AudioTrack, encode_video
from emotalk.schema import SAMPLES_PER_FRAME, Bytes, Floats
from tests.helpers.evaluation_clips import ToldLandmarks, face_TLP, noise_frames

RATE = 8000


def speech(seed: int, frames: int) -> Floats:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.normal(size=frames * RATE // 25)).astype(np.float32)


def write(
    path: Path, frames_THWC: Bytes, sound: Floats | None = None, fps: int = 25, **more: Any
) -> Path:
    path.parent.mkdir(exist_ok=True)
    track = None if sound is None else AudioTrack(sound, RATE)
    encode_video(
        path, frames_THWC, fps=Fraction(fps), options={"preset": "ultrafast"}, audio=track, **more
    )
    return path


def read(
    generated: Path, true: Path, told: Callable[[Bytes], Floats] | None = None, **more: Any
) -> ReadPair:
    tree = {"pairs": "p", "output": "o", "landmarks": "judge", "align": "none", **more}
    model = ToldLandmarks(told or (lambda frames: face_TLP([4.0] * len(frames))))
    pair = Pair("k", generated, true, "ann", "fear", "bin blue")
    return read_pair(pair, None, model, PairsConfig.model_validate(tree))


FRAMES = noise_frames(0, 30)
VOICE = speech(0, 30)


@pytest.fixture(scope="module")
def true(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("true") / "t.mp4", FRAMES, VOICE)


def test_an_equal_pair_has_no_notes_and_is_the_true_clip(tmp_path: Path, true: Path) -> None:
    found = read(write(tmp_path / "g.mp4", FRAMES, VOICE), true)
    assert found.notes == ()
    clip = found.clip
    assert (clip.key, clip.actor, clip.emotion, clip.json) == (
        "k", "ann", "fear", {"text": "bin blue"},
    )  # fmt: skip
    assert clip.video_THWC.shape == found.generated_THWC.shape == (30, 128, 128, 3)
    assert len(clip.audio_S) == len(found.own_sound_S) == 30 * SAMPLES_PER_FRAME
    assert np.corrcoef(clip.audio_S, VOICE)[0, 1] > 0.9
    assert np.abs(clip.video_THWC.astype(int) - FRAMES).mean() < 6


@pytest.mark.parametrize(("frames", "note"), [(31, "1 frame longer"), (28, "2 frames shorter")])
def test_a_small_difference_of_length_is_noted_and_the_common_part_compared(
    tmp_path: Path, true: Path, frames: int, note: str
) -> None:
    found = read(write(tmp_path / "g.mp4", noise_frames(0, frames), speech(0, frames)), true)
    assert note in found.notes[0]
    common = min(30, frames)
    assert f"the first {common} are compared" in found.notes[0]
    assert len(found.clip.video_THWC) == len(found.generated_THWC) == common
    assert len(found.clip.audio_S) == common * SAMPLES_PER_FRAME


@pytest.mark.parametrize(("frames", "apart", "fits"), [(27, 2, False), (27, 3, True)])
def test_a_larger_difference_leaves_the_pair_out(
    tmp_path: Path, true: Path, frames: int, apart: int, *, fits: bool
) -> None:
    generated = write(tmp_path / "g.mp4", FRAMES[:frames])
    if fits:
        assert len(read(generated, true, max_frames_apart=apart).generated_THWC) == frames
        return
    with pytest.raises(UnfitPair, match="generated video has 27 frames at 25 Hz, the true one 30"):
        read(generated, true, max_frames_apart=apart)


def test_another_rate_is_noted_and_compared_at_the_same_times(tmp_path: Path, true: Path) -> None:
    doubled = write(tmp_path / "g.mp4", np.repeat(FRAMES, 2, axis=0), VOICE, fps=50)
    found = read(doubled, true)
    assert "frames a second: generated 50, true 25" in found.notes[0]
    assert np.abs(found.generated_THWC.astype(int) - FRAMES).mean() < 8


def test_the_sound_is_compared(tmp_path: Path, true: Path) -> None:
    mute = read(write(tmp_path / "a.mp4", FRAMES), true)
    assert mute.notes == ("the generated file has no sound: the speech is the true file's",)
    assert np.array_equal(mute.own_sound_S, mute.clip.audio_S)
    other = read(write(tmp_path / "b.mp4", FRAMES, speech(1, 30)), true)
    assert "another sound" in other.notes[0]
    assert np.corrcoef(other.own_sound_S, speech(1, 30))[0, 1] > 0.9
    late = np.concatenate([np.zeros(960, np.float32), VOICE[:-960]])
    assert read(write(tmp_path / "c.mp4", FRAMES, late), true).notes == (
        "the generated file's sound is 120 ms late",
    )
    silence = read(write(tmp_path / "d.mp4", FRAMES, np.zeros_like(VOICE)), true)
    assert silence.notes == (
        "the generated file's sound is silence: figures of its sync say nothing",
    )


def test_speech_is_the_generated_files_where_the_true_one_has_none(
    tmp_path: Path, true: Path
) -> None:
    silent = write(tmp_path / "silent.mp4", FRAMES)
    found = read(true, silent)
    assert found.notes == ("the true file has no sound: the speech is the generated file's",)
    assert found.has_sound
    assert np.corrcoef(found.clip.audio_S, VOICE)[0, 1] > 0.9
    neither = read(silent, silent)
    assert not neither.has_sound
    assert "neither file has sound" in neither.notes[0]
    assert not neither.clip.audio_S.any()


def test_a_true_frame_without_a_face_leaves_the_pair_out(true: Path) -> None:
    def told(frames: Bytes) -> Floats:
        faces = face_TLP([4.0] * len(frames))
        faces[3:5] = np.nan
        return faces

    with pytest.raises(UnfitPair, match=r"no face in 2 of 30 true frames \(first: 3, 4\)"):
        read(true, true, told)


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "empty_file"), (b"#EXTM3U\nhttp://x/y.ts\n", "unreadable"), (None, "missing")],
)
def test_files_that_are_no_videos_leave_the_pair_out(
    tmp_path: Path, true: Path, data: bytes | None, message: str
) -> None:
    file = tmp_path / "x.mp4"
    if data is not None:
        file.write_bytes(data)
    for pair in ((file, true), (true, file)):
        with pytest.raises(UnfitPair, match=message):
            read(*pair)


def test_sound_alone_long_videos_and_other_sizes_leave_the_pair_out(
    tmp_path: Path, true: Path
) -> None:
    wide = write(tmp_path / "w.mp4", np.zeros((30, 128, 130, 3), np.uint8))
    with pytest.raises(UnfitPair, match=r"130 x 128 pixels, and align is none"):
        read(wide, true)
    with pytest.raises(UnfitPair, match=r"too_long.*1\.2 s, at most 1"):
        read(true, true, max_seconds=1.0)


@pytest.mark.parametrize(
    ("align", "size", "noted"),
    [("auto", (288, 360), True), ("own", (288, 360), False), ("auto", (480, 640), False)],
)
def test_a_face_that_is_cut_from_another_place_is_noted_where_it_need_not_be(
    monkeypatch: pytest.MonkeyPatch, align: str, size: tuple[int, int], noted: bool
) -> None:
    """It costs a blurred copy of a true video 6 dB, and its maker would not know why."""
    landmarks_TLP = face_TLP([4.0] * len(FRAMES))
    true, made = (
        AlignedVideo(FRAMES, landmarks_TLP, VOICE, np.eye(2, 3) + shift, of, 25.0, 0)
        for shift, of in ((0.0, (288, 360)), (9.0, size))
    )
    read_in_turn = iter([true, made])
    monkeypatch.setattr(reading, "read_aligned", lambda *_, **__: next(read_in_turn))
    tree = {"pairs": "p", "output": "o", "landmarks": "onnx", "align": align}
    model = ToldLandmarks(lambda frames: face_TLP([4.0] * len(frames)))
    detector: Any = object()
    pair = Pair("k", Path("g"), Path("t"), "ann", "fear", "bin blue")
    found = read_pair(pair, detector, model, PairsConfig.model_validate(tree))
    assert any("align=true cuts both alike" in note for note in found.notes) == noted
