"""Several clips of one person make one long video, heard clip by clip as alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from emotalk.checkpoints.load import load_generator
from emotalk.evaluation.joined_video import choose_joined, generate_joined
from emotalk.inference.generate import ClipRequest, generate_clips
from emotalk.inference.speech import network_speech
from emotalk.schema import EMOTIONS, SAMPLES_PER_FRAME
from emotalk.shards.sample_table import Sample
from tests.helpers.evaluation_clips import plain_clip


def sample(key: str, actor: str, frames: int) -> Sample:
    return Sample(key, frames, actor, "anger", 1.0, 0, {})


def test_the_person_with_the_most_frames_is_joined_until_it_is_long_enough() -> None:
    samples = [sample("a1", "a", 100), sample("b1", "b", 60), sample("b2", "b", 60)]
    joined = choose_joined(samples, 8, seed=0)
    assert [one.key for one in joined] in (["b1", "b2", "b1", "b2"], ["b2", "b1", "b2", "b1"])
    assert len(choose_joined(samples, 2.4, seed=0)) == 1


def test_the_joined_video_is_one_utterance_whose_emotion_changes(checkpoint: Path) -> None:
    loaded = load_generator(checkpoint)
    clips = [
        plain_clip("a", frames=14, emotion="fear"), plain_clip("b", seed=2, frames=9),
    ]  # fmt: skip
    image = clips[0].video_THWC[0]
    joined = generate_joined(loaded, clips, image, seed=3).video_THWC
    speech = np.concatenate([clip.audio_S / np.abs(clip.audio_S).max() for clip in clips])
    emotion = np.zeros((23, len(EMOTIONS)), np.float32)
    emotion[:14, EMOTIONS.index("fear")] = 1
    emotion[14:, EMOTIONS.index("anger")] = 1
    request = ClipRequest(np.ascontiguousarray(image.transpose(2, 0, 1)), speech, emotion, "joined")
    (whole,) = generate_clips(loaded, [request], seed=3)
    assert len(joined) == 23
    assert np.abs(joined.astype(int) - whole).max() <= 1  # rounding of the last digits


def test_a_click_makes_the_rest_of_a_clip_no_quieter_than_alone(checkpoint: Path) -> None:
    loaded = load_generator(checkpoint)
    clip = plain_clip("a", frames=30)
    clicked_S = clip.audio_S * np.float32(0.02)
    clicked_S[4000:4004] = 0.9
    clip = replace(clip, audio_S=clicked_S)
    joined = generate_joined(loaded, [clip, clip], clip.video_THWC[0], seed=1)
    alone_S = network_speech(clicked_S, loaded.facts, frames=30)
    margin = loaded.facts.speech_margin_frames * SAMPLES_PER_FRAME
    own_S = alone_S[margin : margin + clicked_S.size]
    assert np.abs(own_S[:3000]).max() > 0.5, "the click does not count as the level"
    np.testing.assert_array_equal(joined.request.speech_S, np.concatenate([own_S, own_S]))
