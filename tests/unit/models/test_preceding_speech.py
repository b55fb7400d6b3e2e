"""Recurrent layers that begin after other speech: as if both had been one recording."""

import pytest
import torch
from torch import Tensor

from emotalk.models import Generator
from emotalk.models.generator import PRECEDING_FRAMES, OutputWithMouth, PrecedingSpeech
from emotalk.schema import SAMPLES_PER_FRAME
from tests.helpers.generators import small_generator, whole_utterance

FRAMES = 6
SAMPLES = FRAMES * SAMPLES_PER_FRAME
Inputs = tuple[Tensor, Tensor, Tensor, Tensor]


def hearing(clips: int) -> tuple[Generator, Inputs, Tensor]:
    """Return a generator with a mouth head, its inputs, and other speech as long."""
    generator = small_generator(auxiliary_mouth=True)
    inputs = whole_utterance(generator, clips=clips, samples=SAMPLES)
    other_BS = torch.rand(clips, SAMPLES, generator=torch.Generator().manual_seed(3)) - 0.5
    return generator, inputs, other_BS


def in_one_go(
    generator: Generator, inputs: Inputs, other_BS: Tensor, margin_frames: int
) -> tuple[Tensor, Tensor]:
    """Return the video and mouths of the clips after the others, all frames in one recurrence."""
    image_BCHW, speech_BS, emotion_BE, noise_BTD = inputs
    first = FRAMES + margin_frames  # frame of the video in the recording
    T = noise_BTD.shape[1]
    frames = min(PRECEDING_FRAMES, first, T)
    encoder, decoder = generator.speech_encoder, generator.decoder
    features_BTD = encoder(torch.cat([other_BS, speech_BS], dim=1))
    features_BTD[:, :FRAMES] = encoder(other_BS)  # the states are computed without what follows
    heard_BTD, _ = generator.speech_lstm(features_BTD)
    noise_BTD, _ = generator.noise_encoder(torch.cat([noise_BTD[:, :frames], noise_BTD], dim=1))
    emotion_BTD = generator.emotion_encoder(emotion_BE.unsqueeze(1))
    kernels = decoder.kernels()
    maps = decoder.condition(generator.image_encoder(image_BCHW), kernels)
    both_BTD = heard_BTD[:, first - frames : first + T]
    h_TBD = decoder.project(both_BTD, noise_BTD, emotion_BTD, maps, kernels)
    video_BTCHW, _ = decoder(h_TBD, maps, kernels, decoder.first_state(maps))
    assert generator.speech_mouth is not None
    return video_BTCHW[:, frames:], generator.speech_mouth(heard_BTD[:, first : first + T])


@pytest.mark.parametrize("margin_frames", [0, 1, 3, 9])
@torch.no_grad()
def test_a_clip_after_other_speech_is_the_rest_of_one_recurrence(margin_frames: int) -> None:
    """The margin before a video is heard, too: nothing is left out between the two."""
    generator = small_generator(auxiliary_mouth=True)
    samples = (10 + 2 * margin_frames) * SAMPLES_PER_FRAME
    image_BCHW, speech_BS, emotion_BE, noise_BTD = whole_utterance(
        generator, clips=2, samples=samples
    )
    inputs = image_BCHW, speech_BS, emotion_BE, noise_BTD[:, :10]
    other_BS = torch.rand(2, SAMPLES, generator=torch.Generator().manual_seed(3)) - 0.5
    preceding = PrecedingSpeech(other_BS, torch.ones(2))
    out = generator(*inputs, margin_frames=margin_frames, preceding=preceding)
    assert isinstance(out, OutputWithMouth)
    video_BTCHW, mouth_BTLP = in_one_go(generator, inputs, other_BS, margin_frames)
    torch.testing.assert_close(out.video_BTCHW, video_BTCHW, atol=1e-5, rtol=0)
    torch.testing.assert_close(out.mouth_BTLP, mouth_BTLP, atol=1e-5, rtol=0)


@torch.no_grad()
def test_the_head_alone_begins_in_the_same_state() -> None:
    generator, inputs, other_BS = hearing(clips=2)
    preceding = PrecedingSpeech(other_BS, torch.tensor([0.0, 1.0]))
    whole = generator(*inputs, preceding=preceding)
    heads = generator(*inputs, heads_only=True, preceding=preceding)
    torch.testing.assert_close(heads.mouth_BTLP, whole.mouth_BTLP)


@torch.no_grad()
def test_clips_of_weight_zero_begin_at_zero() -> None:
    generator, inputs, other_BS = hearing(clips=2)
    plain = generator(*inputs)
    mixed = generator(*inputs, preceding=PrecedingSpeech(other_BS, torch.tensor([0.0, 1.0])))
    torch.testing.assert_close(mixed.video_BTCHW[0], plain.video_BTCHW[0], atol=1e-6, rtol=0)
    assert (mixed.video_BTCHW[1] - plain.video_BTCHW[1]).abs().max() > 1e-4


def test_the_preceding_speech_gets_no_gradient_and_every_parameter_its_own() -> None:
    generator, inputs, other_BS = hearing(clips=1)
    other_BS.requires_grad_()
    out = generator(*inputs, preceding=PrecedingSpeech(other_BS, torch.ones(1)))
    (out.video_BTCHW.sum() + out.mouth_BTLP.sum()).backward()
    assert other_BS.grad is None
    assert all(p.grad is not None for p in generator.parameters())


@pytest.mark.parametrize("heads_only", [False, True])
def test_bfloat16_keeps_the_state_close(heads_only: bool) -> None:
    generator, inputs, other_BS = hearing(clips=1)
    preceding = PrecedingSpeech(other_BS, torch.ones(1))
    exact = generator(*inputs, heads_only=heads_only, preceding=preceding)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = generator(*inputs, heads_only=heads_only, preceding=preceding)
    error = (rounded.mouth_BTLP.float() - exact.mouth_BTLP).norm() / exact.mouth_BTLP.norm()
    assert float(error.detach()) < 0.05


@torch.no_grad()
def test_no_later_frame_of_a_long_clip_hears_the_speech_before() -> None:
    """The first frames alone are computed with it; the rest must not need it."""
    frames = 20
    generator = small_generator(auxiliary_mouth=True)
    inputs = whole_utterance(generator, clips=2, samples=frames * SAMPLES_PER_FRAME + 7)
    other_BS = torch.rand(2, frames * SAMPLES_PER_FRAME) - 0.5
    preceding = PrecedingSpeech(other_BS, torch.ones(2))
    out = generator(*inputs, heads_only=True, preceding=preceding)
    features_BTD = generator.speech_encoder(torch.cat([other_BS, inputs[1]], dim=1))
    features_BTD[:, :frames] = generator.speech_encoder(other_BS)
    heard_BTD, _ = generator.speech_lstm(features_BTD)
    assert generator.speech_mouth is not None
    expected = generator.speech_mouth(heard_BTD[:, frames:])
    torch.testing.assert_close(out.mouth_BTLP, expected, atol=1e-5, rtol=0)
