"""Start the speech encoder's first convolution as a bank of band filters."""

import math

import torch
from torch import Tensor, nn

from emotalk.models.speech_encoder import SpeechEncoder
from emotalk.schema import SAMPLE_RATE

LOWEST_HZ, HIGHEST_HZ = 80.0, 3600.0
GAIN = 0.5


def initialise_filterbank(encoder: SpeechEncoder) -> None:
    """Set the weights of the convolution over the waveform to windowed sines; no random draws.

    The frequencies are spread evenly on the mel scale from 80 to 3600 Hz, each as a cosine and a
    sine under a Hann window. The convolution stays trainable. Drawn weights must learn such
    filters first, and from half an hour of speech they learn the recordings instead
    (`configs/README.md` has the figures).

    Args:
        encoder: changed in place.

    Source: the windowed sines of Gabor filterbanks that are learned from, as in LEAF (Zeghidour et
    al. 2021), at the kernel size of the report.
    """
    conv = encoder.convs[0]
    assert isinstance(conv, nn.Conv1d)
    with torch.no_grad():
        conv.weight.copy_(filterbank(conv.out_channels, conv.kernel_size[0])[:, None])
        if conv.bias is not None:
            conv.bias.zero_()


def filterbank(filters: int, length: int) -> Tensor:
    """Return windowed sines (`filters`, `length`): cosine and sine of each frequency in turn."""
    bands = -(-filters // 2)
    mel_K = torch.linspace(_mel(LOWEST_HZ), _mel(HIGHEST_HZ), bands, dtype=torch.float64)
    hz_K = 700 * (10 ** (mel_K / 2595) - 1)
    seconds_N = (torch.arange(length, dtype=torch.float64) - (length - 1) / 2) / SAMPLE_RATE
    angle_KN = 2 * math.pi * hz_K[:, None] * seconds_N
    waves_KN = torch.stack([angle_KN.cos(), angle_KN.sin()], dim=1).flatten(0, 1)[:filters]
    window_N = torch.hann_window(length, periodic=False, dtype=torch.float64)
    return (GAIN * waves_KN * window_N).float()


def _mel(hz: float) -> float:
    return 2595 * math.log10(1 + hz / 700)
