"""A stream gives the frames of the whole utterance, however the speech is cut."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from emotalk.models import Generator
from emotalk.models.noise_encoder import frame_noise
from emotalk.models.streaming import GeneratorStream
from tests.helpers.generators import small_generator, whole_utterance

GENERATOR = small_generator()


def noise(first: int, frames: int) -> Tensor:
    return torch.cat(
        [
            frame_noise(3, clip=clip, first=first, frames=frames, features=16)
            for clip in ("one", "two")
        ]
    )


def open_stream(image: Tensor, emotion: Tensor, margin: int) -> GeneratorStream:
    return GENERATOR.stream(image, emotion, noise, margin_frames=margin)


def padded(speech: Tensor, margin: int) -> Tensor:
    missing = -speech.shape[1] % 320 if margin else 0
    return torch.nn.functional.pad(speech, (margin * 320, missing + margin * 320))


@settings(max_examples=15, deadline=None)
@given(
    samples=st.integers(320, 5000),
    cuts=st.lists(st.integers(0, 6000), max_size=8),
    margin=st.sampled_from([0, 0, 1, 8]),
)
def test_any_chunking_gives_the_frames_of_the_whole(
    samples: int, cuts: list[int], margin: int
) -> None:
    frames = -(-samples // 320)
    image, speech, emotion, _ = whole_utterance(GENERATOR, clips=2, samples=samples)
    with torch.no_grad():
        whole, _ = GENERATOR(
            image, padded(speech, margin), emotion, noise(0, frames), margin_frames=margin
        )
    stream = open_stream(image, emotion, margin)
    ends = [0, *sorted(min(cut, samples) for cut in cuts), samples]
    pieces = [stream.push(speech[:, a:b]) for a, b in pairwise(ends)]
    streamed = torch.cat([*pieces, stream.flush()], dim=1)
    assert streamed.shape[1] == frames
    torch.testing.assert_close(streamed, whole, atol=1e-5, rtol=0)


def test_a_frame_appears_when_its_look_ahead_of_180_ms_has_come() -> None:
    image, speech, emotion, _ = whole_utterance(GENERATOR, clips=2, samples=3200)
    stream = open_stream(image, emotion, 0)
    counts = [stream.push(speech[:, k * 320 : (k + 1) * 320]).shape[1] for k in range(10)]
    assert counts == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    assert stream.flush().shape[1] == 4


def test_memory_does_not_grow_with_length() -> None:
    image, speech, emotion, _ = whole_utterance(GENERATOR, clips=2, samples=320 * 12)
    stream = open_stream(image, emotion, 0)
    sizes = set()
    for k in range(12):
        stream.push(speech[:, k * 320 : (k + 1) * 320])
        if k >= 5:
            sizes.add(sum(x.untyped_storage().nbytes() for x in tensors(stream)))
    assert len(sizes) == 1


def tensors(stream: GeneratorStream) -> list[Tensor]:
    state = stream.state
    return [
        *state.speech.inputs,
        state.speech.steps_BSD,
        *state.speech_lstm,
        *state.noise_lstm,
        *state.decoder,
        stream.rest_BS,
    ]


def test_an_emotion_that_changes_over_time_is_streamed_alike() -> None:
    image, speech, _, _ = whole_utterance(GENERATOR, clips=2, samples=3000)
    track = torch.rand(2, 10, 6)
    with torch.no_grad():
        whole, _ = GENERATOR(image, speech, track, noise(0, 10))
    stream = GENERATOR.stream(image, lambda first, n: track[:, first : first + n], noise)
    streamed = torch.cat(
        [stream.push(speech[:, :1700]), stream.push(speech[:, 1700:]), stream.flush()], 1
    )
    torch.testing.assert_close(streamed, whole, atol=1e-5, rtol=0)


def test_long_speech_stay_equal() -> None:
    generator: Generator = GENERATOR
    samples = 320 * 25 * 8 + 77
    image, speech, emotion, _ = whole_utterance(generator, clips=2, samples=samples)
    frames = -(-samples // 320)
    with torch.no_grad():
        whole, _ = generator(image, speech, emotion, noise(0, frames))
    stream = open_stream(image, emotion, 0)
    pieces = [stream.push(piece) for piece in torch.split(speech, 8000, dim=1)]
    streamed = torch.cat([*pieces, stream.flush()], dim=1)
    torch.testing.assert_close(streamed, whole, atol=1e-4, rtol=0)


def test_wrong_use_of_a_stream_is_named() -> None:
    image, speech, emotion, _ = whole_utterance(GENERATOR, clips=2, samples=3200)
    stream = open_stream(image, emotion, 0)
    stream.push(speech[:, :100])
    with pytest.raises(ValueError, match="100 samples have come, at least one frame of 320"):
        stream.flush()
    with pytest.raises(ValueError, match=r"speech_BS: values from nan"):
        stream.push(torch.full((2, 10), torch.nan))
    with pytest.raises(ValueError, match="speech_BS: shape"):
        stream.push(speech[:1])
    stream.push(speech[:, 100:])
    stream.flush()
    with pytest.raises(ValueError, match="was flushed"):
        stream.push(speech)
