"""Start the generator's speech path so that speech moves its output from the first step on."""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.models.activation import leaky_relu
from emotalk.models.generator import Generator
from emotalk.models.speech_encoder import KERNELS, SpeechEncoder
from emotalk.models.speech_filterbank import initialise_filterbank
from emotalk.schema import SAMPLE_RATE

SECONDS = 8
LEVEL = 0.1  # root mean square of speech whose peak is 1
SYLLABLES_HZ = 4.0
TINY = 1e-6


def start_speech_path(generator: Generator, seed: int) -> None:
    """Set the speech encoder's first convolution to band filters, and scale the layers after it.

    Each layer's weights are scaled so that its output varies over time with standard deviation 1
    while noise of the spectrum and the rhythm of speech comes in (LSUV; Mishkin and Matas 2016).
    With drawn weights alone the embedding of real speech varies by 0.003 and the encoded noise by
    0.1, so that the pixels do not teach the speech path for a thousand steps.

    Args:
        generator: changed in place; its other weights stay.
        seed: of the noise.
    """
    encoder = generator.speech_encoder
    initialise_filterbank(encoder)
    with torch.no_grad():
        h_BTD = _calibrate_encoder(encoder, speech_like_noise(seed))
        lstm = generator.speech_lstm
        for layer in range(lstm.num_layers):
            weight = getattr(lstm, f"weight_ih_l{layer}")
            weight.mul_(1 / _variation(F.linear(h_BTD, weight), time_axis=1))
            h_BTD = _outputs(lstm, layer, h_BTD)


def speech_like_noise(seed: int) -> Tensor:
    """Return 8 s of pink noise (1, S) that swells four times a second, as syllables do."""
    draws = np.random.default_rng(seed)
    samples = SECONDS * SAMPLE_RATE
    hertz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    spectrum = np.fft.rfft(draws.standard_normal(samples)) / np.sqrt(np.maximum(hertz, 100))
    seconds_S = np.arange(samples) / SAMPLE_RATE
    swell_S = 0.55 - 0.45 * np.cos(2 * math.pi * SYLLABLES_HZ * seconds_S)
    noise_S = np.fft.irfft(spectrum, samples) * swell_S
    noise_S *= LEVEL / np.sqrt(np.square(noise_S).mean())
    return torch.from_numpy(noise_S.astype(np.float32))[None]


def _calibrate_encoder(encoder: SpeechEncoder, speech_BS: Tensor) -> Tensor:
    """Scale the encoder's layers one after the other; return its features of the signal."""
    h_BCS = speech_BS.to(encoder.fc.weight)[:, None]
    for conv, kernel in zip(encoder.convs, KERNELS, strict=True):
        h_BCS = F.pad(h_BCS, (kernel // 2, kernel // 2), mode="reflect")
        _scale(conv, conv(h_BCS), time_axis=2)
        h_BCS = leaky_relu(conv(h_BCS))
    _scale(encoder.squeeze, encoder.squeeze(h_BCS), time_axis=2)
    features_BTD = encoder(speech_BS.to(encoder.fc.weight))
    _scale(encoder.fc, features_BTD, time_axis=1)
    features: Tensor = encoder(speech_BS.to(encoder.fc.weight))
    return features


def _scale(layer: nn.Module, output: Tensor, *, time_axis: int) -> None:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    weight.mul_(1 / _variation(output, time_axis=time_axis))


def _variation(x: Tensor, *, time_axis: int) -> float:
    """Return the root mean square of every channel's standard deviation over time."""
    return max(float(x.detach().std(dim=time_axis).square().mean().sqrt()), TINY)


def _outputs(lstm: nn.LSTM, layer: int, h_BTD: Tensor) -> Tensor:
    """Return the outputs of one layer of an LSTM."""
    alone = nn.LSTM(h_BTD.shape[-1], lstm.hidden_size, batch_first=True).to(h_BTD)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(alone, f"{name}_l0").copy_(getattr(lstm, f"{name}_l{layer}"))
    outputs: Tensor = alone(h_BTD)[0]
    return outputs
