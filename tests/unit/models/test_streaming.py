"""A stream gives the frames of the whole utterance, for any chunks of speech."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils import _pytree as pytree

from emotalk.models import Generator
from emotalk.models.noise_encoder import frame_noise
from emotalk.models.streaming import GeneratorStream
from tests.helpers.generators import TINY, lively_generator, small_generator, whole_utterance

GENERATOR = lively_generator()


def noise(first: int, frames: int) -> Tensor:
    return torch.cat(
        [
            frame_noise(3, clip=clip, first=first, frames=frames, features=16)
            for clip in ("one", "two")
        ]
    )


def open_stream(image: Tensor, emotion: Tensor, margin: int) -> GeneratorStream:
    return GeneratorStream(GENERATOR, image, emotion, noise, margin_frames=margin)


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


@settings(max_examples=6, deadline=None)
@given(samples=st.integers(320, 4000), cut=st.integers(0, 4000))
def test_a_stream_hears_loudness_as_the_whole_does(samples: int, cut: int) -> None:
    """The logarithm of the power after the first convolution, at every edge of a chunk."""
    generator = lively_generator(speech_activation="log_power")
    image, speech, emotion, drawn = whole_utterance(generator, clips=1, samples=samples)
    with torch.no_grad():
        whole, _ = generator(image, speech, emotion, drawn)
    stream = GeneratorStream(
        generator, image, emotion, lambda first, n: drawn[:, first : first + n]
    )
    pieces = [stream.push(speech[:, :cut]), stream.push(speech[:, cut:]), stream.flush()]
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, atol=1e-5, rtol=0)


def test_a_frame_appears_when_its_look_ahead_of_180_ms_has_come() -> None:
    image, speech, emotion, _ = whole_utterance(GENERATOR, clips=2, samples=3200)
    stream = open_stream(image, emotion, 0)
    counts = [stream.push(speech[:, k * 320 : (k + 1) * 320]).shape[1] for k in range(10)]
    assert counts == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    assert stream.flush().shape[1] == 4


def test_memory_does_not_grow_with_length() -> None:
    generator = small_generator(**TINY)
    image, speech, emotion, _ = whole_utterance(generator, clips=1, samples=320 * 100)
    stream = GeneratorStream(generator, image, emotion, lambda first, n: torch.zeros(1, n, 4))
    sizes = set()
    for k, piece in enumerate(torch.split(speech, 320, dim=1)):
        stream.push(piece)
        if k >= 5:
            sizes.add(held_bytes(stream))
    assert len(sizes) == 1
    assert sizes.pop() > 0


def held_bytes(stream: GeneratorStream) -> int:
    """Return the bytes of all tensors a stream holds beside its generator."""
    held = {name: value for name, value in vars(stream).items() if name != "generator"}
    return sum(
        leaf.untyped_storage().nbytes()
        for leaf in pytree.tree_leaves(held)
        if isinstance(leaf, Tensor)
    )


def test_an_emotion_that_changes_over_time_is_streamed_alike() -> None:
    image, speech, _, _ = whole_utterance(GENERATOR, clips=2, samples=3000)
    track = torch.rand(2, 10, 6)
    with torch.no_grad():
        whole, _ = GENERATOR(image, speech, track, noise(0, 10))
    stream = GeneratorStream(GENERATOR, image, lambda first, n: track[:, first : first + n], noise)
    streamed = torch.cat(
        [stream.push(speech[:, :1700]), stream.push(speech[:, 1700:]), stream.flush()], 1
    )
    torch.testing.assert_close(streamed, whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("generator", "dtype", "tolerance", "seconds"),
    [
        (small_generator(**TINY), torch.float32, 1e-4, 120),
        # A recurrent network may amplify float32's rounding without bound; the algebra may not err.
        (lively_generator(**TINY), torch.float64, 1e-6, 30),
    ],
    ids=["float32", "lively in float64"],
)
def test_long_speech_stays_equal(
    generator: Generator, dtype: torch.dtype, tolerance: float, seconds: int
) -> None:
    generator = generator.to(dtype)
    samples = 8000 * seconds + 77
    image, speech, emotion, noise = whole_utterance(
        generator, clips=1, samples=samples, dtype=dtype
    )
    with torch.no_grad():
        whole, _ = generator(image, speech, emotion, noise)
    stream = GeneratorStream(
        generator, image, emotion, lambda first, n: noise[:, first : first + n]
    )
    pieces = [stream.push(piece) for piece in torch.split(speech, 31_111, dim=1)]
    streamed = torch.cat([*pieces, stream.flush()], dim=1)
    torch.testing.assert_close(streamed, whole, atol=tolerance, rtol=0)


@pytest.mark.parametrize(
    ("samples", "frames"), [(320, 1), (321, 2), (640, 2), (641, 3), (1599, 5), (1601, 6)]
)
@torch.no_grad()
def test_every_begun_frame_is_shown(samples: int, frames: int) -> None:
    generator = small_generator(**TINY)
    image, speech, emotion, noise = whole_utterance(generator, clips=1, samples=samples)
    whole, _ = generator(image, speech, emotion, noise)
    stream = GeneratorStream(
        generator, image, emotion, lambda first, n: noise[:, first : first + n]
    )
    streamed = torch.cat([stream.push(speech), stream.flush()], dim=1)
    assert whole.shape[1] == streamed.shape[1] == frames


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
