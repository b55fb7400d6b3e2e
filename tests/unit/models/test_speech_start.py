"""The start of the speech path: the embedding varies with the speech from the first step on."""

import numpy as np
import pytest
import torch
from torch import Tensor

from emotalk.models import Generator
from emotalk.models.initialise import initialise
from emotalk.models.speech_filterbank import filterbank
from emotalk.models.speech_start import LEVEL, speech_like_noise, start_speech_path
from emotalk.schema import SAMPLE_RATE

SMALL = {
    "filters": (8, 8, 16, 16, 16),
    "image_features": 32,
    "speech_features": 64,
    "emotion_features": 16,
    "noise_features": 16,
    "speech_filters": (16, 32, 32, 64),
    "speech_step_features": 8,
    "output_filters": 8,
}


def drawn_generator() -> Generator:
    torch.manual_seed(0)
    generator = Generator(**SMALL)
    initialise(generator, "he")
    return generator


def variation(generator: Generator) -> float:
    """Return how much the embedding of a noise that nothing was scaled by varies over time."""
    with torch.no_grad():
        speech_BTD, _ = generator.speech_lstm(generator.speech_encoder(speech_like_noise(9)))
    return float(speech_BTD.std(dim=1).square().mean().sqrt())


def test_the_embedding_varies_at_the_size_of_an_lstms_outputs_not_at_a_thousandth() -> None:
    drawn, started = drawn_generator(), drawn_generator()
    start_speech_path(started, seed=0)
    assert variation(drawn) < 0.02
    assert 0.1 < variation(started) < 0.6


def test_every_layer_of_the_encoder_varies_by_one_on_the_noise_that_it_was_scaled_by() -> None:
    generator = drawn_generator()
    start_speech_path(generator, seed=4)
    encoder = generator.speech_encoder
    seen: dict[str, Tensor] = {}
    for number, conv in enumerate(encoder.convs):
        conv.register_forward_hook(
            lambda module, args, output, name=f"conv {number}": seen.update({name: output})
        )
    with torch.no_grad():
        encoder(speech_like_noise(4))
    sizes = [float(x.std(dim=2).square().mean().sqrt()) for x in seen.values()]
    assert sizes == pytest.approx([1.0] * 4, rel=1e-3)


def test_only_the_weights_of_the_speech_path_change_and_the_seed_decides_them() -> None:
    drawn, started, again = drawn_generator(), drawn_generator(), drawn_generator()
    start_speech_path(started, seed=3)
    start_speech_path(again, seed=3)
    before, after = drawn.state_dict(), started.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[0] for name in changed} == {"speech_encoder", "speech_lstm"}
    assert all(torch.equal(after[name], value) for name, value in again.state_dict().items())


def test_the_first_convolution_is_a_scaled_filterbank() -> None:
    generator = drawn_generator()
    start_speech_path(generator, seed=0)
    weight = generator.speech_encoder.state_dict()["convs.0.weight"][:, 0]
    scale = weight.norm() / filterbank(16, 63).norm()
    assert torch.allclose(weight, scale * filterbank(16, 63), rtol=1e-5)


def test_the_noise_has_the_level_and_the_rhythm_of_speech() -> None:
    noise_S = speech_like_noise(0)[0].numpy().astype(np.float64)
    assert np.sqrt(np.square(noise_S).mean()) == pytest.approx(LEVEL, rel=1e-3)
    loudness_T = np.square(noise_S).reshape(-1, SAMPLE_RATE // 50).mean(1)
    spectrum = np.abs(np.fft.rfft(loudness_T - loudness_T.mean()))
    hertz = np.fft.rfftfreq(len(loudness_T), 1 / 50)
    assert hertz[spectrum.argmax()] == pytest.approx(4.0, abs=0.2)
