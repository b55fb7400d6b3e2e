import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from emotalk.checkpoints.format import ModelFacts
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.inference.emotion_timeline import parse_timeline, timeline_weights
from emotalk.inference.generate import (
    ClipRequest,
    _groups,
    generate_blocks,
    generate_clips,
)
from emotalk.inference.speech import network_pieces, network_speech
from emotalk.media.sound_source import SoundInMemory, SpooledSound
from emotalk.schema import EMOTIONS, Bytes, Floats
from emotalk.seeding import numpy_generator
from tests.helpers.tiny_model import tiny_loaded

HAPPY = np.eye(len(EMOTIONS), dtype=np.float32)[3]


def request(samples: int, name: str = "clip", emotion: Floats = HAPPY) -> ClipRequest:
    draw = numpy_generator(7, name)
    condition_CHW = draw.integers(0, 256, (3, 128, 128), np.uint8)
    speech_S = draw.uniform(-0.5, 0.5, samples).astype(np.float32)
    return ClipRequest(condition_CHW, speech_S, emotion, name)


def video_of(loaded: LoadedGenerator, clip: ClipRequest, *, seed: int = 0) -> Bytes:
    (video_THWC,) = generate_clips(loaded, [clip], seed=seed)
    return video_THWC


def blocks_of(loaded: LoadedGenerator, clip: ClipRequest, **more: Any) -> list[Bytes]:
    speech = SoundInMemory(clip.speech_S)
    blocks = generate_blocks(
        loaded, clip.condition_CHW, speech, clip.emotion, name=clip.name, **more
    )
    return list(blocks)


def assert_same_pixels(video: Bytes, other: Bytes) -> None:
    """Equal but for rounding of what lies between two whole numbers."""
    assert video.shape == other.shape
    assert np.abs(video.astype(int) - other.astype(int)).max() <= 1


@pytest.mark.parametrize(("samples", "frames"), [(320, 1), (321, 2), (6400, 20), (6401, 21)])
def test_the_video_lasts_to_the_last_sample(samples: int, frames: int) -> None:
    video_THWC = video_of(tiny_loaded(), request(samples))
    assert video_THWC.shape == (frames, 128, 128, 3)
    assert video_THWC.dtype == np.uint8


def test_the_same_seed_gives_the_same_pixels_and_another_gives_others() -> None:
    loaded, clip = tiny_loaded(), request(3200)
    first = video_of(loaded, clip, seed=1)
    np.testing.assert_array_equal(first, video_of(loaded, clip, seed=1))
    assert (first != video_of(loaded, clip, seed=2)).any()


def test_the_noise_of_a_clip_is_drawn_by_its_name() -> None:
    loaded, anna = tiny_loaded(), request(3200, "anna")
    ben = anna._replace(name="ben")
    videos = generate_clips(loaded, [anna, ben, anna])
    assert (videos[0] != videos[1]).any()
    assert_same_pixels(videos[0], videos[2])
    assert_same_pixels(np.concatenate(blocks_of(loaded, ben)), videos[1])


@pytest.mark.parametrize("margin_frames", [0, 8])
def test_clips_together_are_the_same_as_clips_alone(margin_frames: int) -> None:
    loaded = tiny_loaded(margin_frames)
    clips = [request(samples, f"clip{samples}") for samples in (6400, 3333, 4800, 3200)]
    for clip, video in zip(clips, generate_clips(loaded, clips, batch_size=3), strict=True):
        assert_same_pixels(video, video_of(loaded, clip))


def test_no_more_clips_run_together_than_were_allowed() -> None:
    sizes: list[int] = []
    loaded = tiny_loaded()
    loaded.generator.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    clips = [request(640, str(number)) for number in range(5)]
    assert len(generate_clips(loaded, clips, batch_size=2)) == 5
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize("margin_frames", [0, 8])
@pytest.mark.parametrize("samples", [320, 2000, 9601])
def test_blocks_are_the_whole_video_cut(margin_frames: int, samples: int) -> None:
    loaded, clip = tiny_loaded(margin_frames), request(samples, "anna")
    blocks = blocks_of(loaded, clip, seconds=0.3)
    assert_same_pixels(np.concatenate(blocks), video_of(loaded, clip))


def test_a_recording_in_a_temporary_file_gives_the_same_blocks() -> None:
    loaded, clip = tiny_loaded(), request(9601)
    spooled = SpooledSound()
    for start in range(0, 9601, 1000):
        spooled.add(start, clip.speech_S[start : start + 1000])
    blocks = list(
        generate_blocks(
            loaded, clip.condition_CHW, spooled, clip.emotion, name=clip.name, seconds=0.3
        )
    )
    assert_same_pixels(np.concatenate(blocks), video_of(loaded, clip))


def test_blocks_follow_a_time_line() -> None:
    loaded = tiny_loaded()
    timeline = parse_timeline("0=neutral,0.4=anger:0.8", EMOTIONS)
    clip = request(9600, emotion=timeline_weights(timeline, EMOTIONS, 30))
    changed = np.concatenate(blocks_of(loaded, clip, seconds=0.3))
    assert_same_pixels(changed, video_of(loaded, clip))
    neutral = video_of(loaded, clip._replace(emotion=np.eye(6, dtype=np.float32)[4]))
    assert_same_pixels(changed[:10], neutral[:10])
    assert (changed[11:] != neutral[11:]).any()


def test_a_condition_image_of_another_size_is_refused() -> None:
    clip = request(3200)._replace(condition_CHW=np.zeros((3, 64, 64), np.uint8))
    with pytest.raises(ValueError, match="condition image of clip"):
        video_of(tiny_loaded(), clip)


def facts(margin_frames: int, level: str) -> ModelFacts:
    return ModelFacts.model_validate(
        {"emotions": EMOTIONS, "speech_margin_frames": margin_frames, "speech_level": level}
    )


def test_speech_is_scaled_to_its_peak_and_framed_by_zeros() -> None:
    speech_S = np.array([0.1, -0.25, 0.05], np.float32)
    heard_S = network_speech(speech_S, facts(2, "peak"), frames=1)
    assert heard_S.shape == (5 * 320,)
    np.testing.assert_allclose(heard_S[640:643], [0.4, -1.0, 0.2], rtol=1e-6)
    assert not heard_S[:640].any()
    assert not heard_S[643:].any()


def test_a_click_above_the_speech_is_cut_where_the_speech_reaches_full_scale() -> None:
    """0.2 is the level of the speech; one click has five times that."""
    speech_S = 0.2 * np.sin(np.arange(8000) / 4).astype(np.float32)
    speech_S[4000] = -1.0
    whole_S = network_speech(speech_S, facts(0, "peak"), frames=25)
    pieces = network_pieces(SoundInMemory(speech_S), facts(0, "peak"), frames=25, samples=3000)
    for heard_S in (whole_S, np.concatenate(list(pieces))):
        assert heard_S[4000] == -1.0
        np.testing.assert_allclose(
            np.delete(heard_S, 4000), np.delete(speech_S, 4000) * 5, atol=1e-3
        )


def test_speech_keeps_its_level_where_training_did() -> None:
    speech_S = np.array([0.1, -0.25, 0.05], np.float32)
    heard_S = network_speech(speech_S, facts(0, "none"), frames=1)
    np.testing.assert_array_equal(heard_S[:3], speech_S)


def test_digital_silence_stays_silent() -> None:
    heard_S = network_speech(np.zeros(320, np.float32), facts(0, "peak"), frames=1)
    np.testing.assert_array_equal(heard_S, np.zeros(320))


def test_the_video_of_a_clip_is_the_training_window_that_spans_it() -> None:
    """Margin frames are real zeros that pass the encoder, not an absence of speech."""
    loaded, clip = tiny_loaded(8), request(3200)
    padded = np.pad(clip.speech_S, 8 * 320)
    without_margin = dataclasses.replace(loaded, facts=facts(0, "peak"))
    longer = request(1)._replace(
        condition_CHW=clip.condition_CHW, speech_S=padded, emotion=clip.emotion
    )
    speech_BS = torch.from_numpy(network_speech(padded, without_margin.facts, frames=26))[None]
    with torch.inference_mode():
        expected_BTD, _ = loaded.generator.speech_lstm(loaded.generator.speech_encoder(speech_BS))
        heard_BS = torch.from_numpy(network_speech(clip.speech_S, loaded.facts, frames=10))[None]
        heard_BTD, _ = loaded.generator.speech_lstm(loaded.generator.speech_encoder(heard_BS))
    torch.testing.assert_close(heard_BTD, expected_BTD)
    assert video_of(without_margin, longer).shape[0] == 26


@pytest.mark.parametrize(
    ("margin_frames", "groups"), [(5, [[1, 3, 0, 2]]), (4, [[1, 3], [0], [2]])]
)
def test_clips_of_unlike_length_run_together_only_where_the_margin_covers_the_look_ahead(
    margin_frames: int, groups: list[list[int]]
) -> None:
    clips = [request(frames * 320) for frames in (11, 10, 12, 10)]
    assert list(_groups(tiny_loaded(margin_frames), clips, batch_size=8)) == groups
