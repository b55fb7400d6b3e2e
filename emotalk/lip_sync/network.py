"""Define the network: two temporal towers that map lips and speech to one space."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.lip_sync.features import LIP_FEATURES, MELS, SPECTRA_PER_FRAME

WIDTH = 96
EMBEDDING = 64
_DILATIONS = (1, 1, 2)
_FIRST_KERNEL = 5
REACH = _FIRST_KERNEL // 2 + sum(_DILATIONS)  # frames before and after one that it depends on


class LipSyncNet(nn.Module):
    """Embeds each video frame's lips and each frame's speech as vectors whose directions agree.

    No convolution pads its input: an embedding that saw the clip's border would tell the lag by the
    border alone. So a clip of T frames has T - 2 `REACH` embeddings, the first for frame `REACH`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lips = nn.Sequential(nn.Conv1d(LIP_FEATURES, WIDTH, _FIRST_KERNEL), *_trunk())
        self.speech = nn.Sequential(
            nn.Conv1d(MELS, WIDTH, SPECTRA_PER_FRAME, SPECTRA_PER_FRAME),
            nn.BatchNorm1d(WIDTH),
            nn.GELU(),
            nn.Conv1d(WIDTH, WIDTH, _FIRST_KERNEL),
            *_trunk(),
        )
        self.log_sharpness = nn.Parameter(torch.tensor(3.0))  # of the loss alone

    def embed_lips(self, features_BTD: Tensor) -> Tensor:
        """Return vectors (B, T - 2 `REACH`, D) for `features.lip_features`."""
        embedded_BDT: Tensor = self.lips(features_BTD.transpose(1, 2))
        return embedded_BDT.transpose(1, 2)

    def embed_speech(self, mel_BJM: Tensor) -> Tensor:
        """Return vectors (B, T - 2 `REACH`, D) for `features.log_mel` with J = 4 T."""
        embedded_BDT: Tensor = self.speech(mel_BJM.transpose(1, 2))
        return embedded_BDT.transpose(1, 2)


class _Block(nn.Module):
    """Adds a dilated convolution of the normalised input to the input."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.BatchNorm1d(WIDTH)
        self.conv = nn.Conv1d(WIDTH, WIDTH, 3, dilation=dilation)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x_BDT: Tensor) -> Tensor:
        inner_BDT = x_BDT[..., self.dilation : x_BDT.shape[-1] - self.dilation]
        added_BDT: Tensor = self.dropout(self.conv(F.gelu(self.norm(x_BDT))))
        return inner_BDT + added_BDT


def _trunk() -> list[nn.Module]:
    blocks = [_Block(dilation) for dilation in _DILATIONS]
    return [*blocks, nn.BatchNorm1d(WIDTH), nn.GELU(), nn.Conv1d(WIDTH, EMBEDDING, 1)]


def lag_similarity(lips_BTD: Tensor, speech_BTD: Tensor, *, overlap: int) -> tuple[Tensor, Tensor]:
    """Return the mean cosine at every lag with at least `overlap` common frames, and the lags.

    At lag k the lips of frame t meet the speech of frame t + k: positive lags are late sound. There
    may be more frames of the one than of the other.

    Returns:
        similarity (B, lags) and lags (lags,), rising.
    """
    frames, spoken = lips_BTD.shape[1], speech_BTD.shape[1]
    cosine_BTT = F.normalize(lips_BTD, dim=-1) @ F.normalize(speech_BTD, dim=-1).transpose(1, 2)
    cosine_BTT = F.pad(cosine_BTT, (frames - 1, frames - 1))
    batch, row, column = cosine_BTT.stride()
    size = (len(cosine_BTT), frames, spoken + frames - 1)
    sum_BK = cosine_BTT.as_strided(size, (batch, row + column, column)).sum(1)  # along diagonals
    lag_K = torch.arange(1 - frames, spoken)
    common_K = torch.minimum(frames + lag_K.clamp(max=0), spoken - lag_K.clamp(min=0))
    common_K = common_K.clamp(max=min(frames, spoken))
    wanted_K = common_K >= overlap
    return sum_BK[:, wanted_K] / common_K[wanted_K], lag_K[wanted_K]


def speech_length(speech_BTD: Tensor) -> float:
    """Return the median length of a clip's speech embeddings.

    Unknown voices, languages and noises give shorter ones: what the filters look for is not there.
    """
    return float(torch.linalg.vector_norm(speech_BTD, dim=-1).median())
