"""Turn landmarks into lip features, and speech into log-mel spectra, without a person's traits.

Tensor letters as in `schema`, and: J spectra (100 a second, four a video frame), F frequencies.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from emotalk.media.torchaudio_cpu import functional
from emotalk.schema import MOUTH, SAMPLE_RATE, SAMPLES_PER_FRAME, Doubles, Floats, check_shape

LIPS = MOUTH.stop - MOUTH.start
DISTANCES = 12
LIP_FEATURES = 2 * DISTANCES  # and their velocities
MELS = 40
SPECTRA_PER_FRAME = 4
FREQUENCIES = 129

# Numbers of lip points (iBUG 48 is 0); right and left are the person's.
_RIGHT_CORNER, _LEFT_CORNER = 0, 6
_INNER_RIGHT_CORNER, _INNER_LEFT_CORNER = 12, 16
_OUTER_TOP, _OUTER_BOTTOM = [2, 3, 4], [10, 9, 8]
_INNER_TOP, _INNER_BOTTOM = [13, 14, 15], [19, 18, 17]
_RIGHT_TOP, _RIGHT_BOTTOM = 1, 11
_LEFT_TOP, _LEFT_BOTTOM = 5, 7

_BROWS_END = 27
_RIGID = slice(_BROWS_END, MOUTH.start)  # nose and eyes: they do not move with speech
_RIGHT_EYE, _LEFT_EYE = slice(36, 42), slice(42, 48)
_ROLL_FRAMES = 9  # the head's roll is a moving average over these frames
_SMALLEST_MOTION = 0.02  # face sizes; motion below it is not amplified to the usual strength

_HOP = SAMPLES_PER_FRAME // SPECTRA_PER_FRAME
_WINDOW, _FFT = 200, 256  # samples: 25 ms, padded
_LOUD_SHARE = 0.95  # quantile of a clip's spectra that stands for its loudness
_FLOOR = 3e-6  # of that loudness: quieter than a recording's own noise
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 3900.0


def lip_shapes(landmarks_TLP: Floats) -> Tensor:
    """Return the lips of every frame, upright, around their centre, in face sizes (T, 20, 2).

    The face size is the clip's median spread of nose and eyes, so that the crop's scale and the
    landmark model's noise stay out of the lips' motion.
    """
    check_shape(landmarks_TLP, "T 68 2", "landmarks")
    points_TLP = landmarks_TLP.astype(np.float64)
    rigid_TLP = points_TLP[:, _RIGID]
    spread_T = np.sqrt(np.square(rigid_TLP - rigid_TLP.mean(1, keepdims=True)).sum(2).mean(1))
    size = max(float(np.median(spread_T)), 1e-6)
    lips_TLP = points_TLP[:, MOUTH]
    lips_TLP = lips_TLP - lips_TLP.mean(1, keepdims=True)
    cos_T, sin_T = _head_roll(points_TLP).T
    x_TL = lips_TLP[..., 0] * cos_T[:, None] + lips_TLP[..., 1] * sin_T[:, None]
    y_TL = lips_TLP[..., 1] * cos_T[:, None] - lips_TLP[..., 0] * sin_T[:, None]
    return torch.from_numpy((np.stack([x_TL, y_TL], -1) / size).astype(np.float32))


def _head_roll(points_TLP: Doubles) -> Doubles:
    """Return the unit vector from eye to eye, averaged over neighbouring frames (T, 2)."""
    line_TP = points_TLP[:, _LEFT_EYE].mean(1) - points_TLP[:, _RIGHT_EYE].mean(1)
    padded_TP = np.pad(line_TP, ((_ROLL_FRAMES // 2, _ROLL_FRAMES // 2), (0, 0)), mode="edge")
    smooth_TP = np.lib.stride_tricks.sliding_window_view(padded_TP, _ROLL_FRAMES, axis=0).mean(-1)
    length_T1 = np.linalg.norm(smooth_TP, axis=1, keepdims=True)
    upright = np.array([1.0, 0.0])
    return np.where(length_T1 > 1e-9, smooth_TP / np.maximum(length_T1, 1e-9), upright)


def lip_distances(lips_BTLP: Tensor) -> Tensor:
    """Return twelve distances between lip points, in face sizes (B, T, `DISTANCES`).

    They are openings, widths, the lips' thickness, and heights above and below the corners. Left
    and right are averaged, and there is no point by itself: what one landmark model does to one
    point, or one head to one side, matters little.
    """

    def apart(first: list[int], second: list[int]) -> Tensor:
        line_BTP = lips_BTLP[..., first, :] - lips_BTLP[..., second, :]
        mean: Tensor = torch.linalg.vector_norm(line_BTP, dim=-1).mean(-1)
        return mean

    def height(points: list[int]) -> Tensor:
        mean: Tensor = lips_BTLP[..., points, 1].mean(-1)
        return mean

    corners = height([_RIGHT_CORNER, _LEFT_CORNER])
    return torch.stack(
        [
            apart(_INNER_TOP, _INNER_BOTTOM),
            apart(_OUTER_TOP, _OUTER_BOTTOM),
            apart([_RIGHT_CORNER], [_LEFT_CORNER]),
            apart([_INNER_RIGHT_CORNER], [_INNER_LEFT_CORNER]),
            apart(_OUTER_TOP, _INNER_TOP),
            apart(_OUTER_BOTTOM, _INNER_BOTTOM),
            corners - height(_OUTER_TOP),
            height(_OUTER_BOTTOM) - corners,
            corners - height(_INNER_TOP),
            height(_INNER_BOTTOM) - corners,
            apart([_RIGHT_TOP], [_RIGHT_BOTTOM]),
            apart([_LEFT_TOP], [_LEFT_BOTTOM]),
        ],
        -1,
    )


def lip_features(lips_BTLP: Tensor) -> Tensor:
    """Return what the network sees of the lips: distances less their mean, and their velocities.

    The mean is taken off and the motion scaled to 1, because both belong to the person and the
    landmark model.
    """
    distances_BTD = lip_distances(lips_BTLP)
    moving_BTD = distances_BTD - distances_BTD.mean(1, keepdim=True)
    motion_B11 = moving_BTD.square().mean((1, 2), keepdim=True).sqrt()
    moving_BTD = moving_BTD / motion_B11.clamp_min(_SMALLEST_MOTION)
    before_BTD = torch.cat([moving_BTD[:, :1], moving_BTD[:, :-1]], 1)
    after_BTD = torch.cat([moving_BTD[:, 1:], moving_BTD[:, -1:]], 1)
    return torch.cat([moving_BTD, 2 * (after_BTD - before_BTD)], -1)


def power_spectra(audio_S: Floats) -> Tensor:
    """Return the power spectra of 8 kHz speech relative to its loudness (J, F).

    There are four a video frame; spectrum j is centred at sample 80 j. An incomplete last frame is
    left out.
    """
    frames = len(audio_S) // SAMPLES_PER_FRAME
    audio = torch.from_numpy(np.ascontiguousarray(audio_S[: frames * SAMPLES_PER_FRAME]))
    window = torch.hann_window(_WINDOW)
    stft_FJ = torch.stft(
        audio.float(), _FFT, _HOP, _WINDOW, window, pad_mode="constant", return_complex=True
    )
    power_JF = (stft_FJ.real.square() + stft_FJ.imag.square()).T[: frames * SPECTRA_PER_FRAME]
    loudness = torch.quantile(power_JF.sum(1), _LOUD_SHARE)
    return power_JF / loudness.clamp_min(1e-12)


def log_mel(power_BJF: Tensor, warp_B: Tensor | None = None) -> Tensor:
    """Return log-mel spectra less their mean over the clip (B, J, M).

    The mean holds the microphone and the room; what varies is speech.

    Args:
        power_BJF: see `power_spectra`.
        warp_B: factor on each voice's frequencies, as of a shorter vocal tract; None: as they are.
    """
    if warp_B is None:
        mel_BJM = power_BJF @ _filters(1.0)
    else:
        filters_BFM = torch.stack([_filters(round(float(warp), 2)) for warp in warp_B])
        mel_BJM = torch.bmm(power_BJF, filters_BFM)
    log_BJM = torch.log10(mel_BJM.clamp_min(0) + _FLOOR)
    return log_BJM - log_BJM.mean(1, keepdim=True)


@lru_cache(maxsize=256)
def _filters(warp: float) -> Tensor:
    """Return torchaudio's mel filters (F, M), read `warp` times as high in the spectrum."""
    plain_FM: Tensor = functional().melscale_fbanks(
        FREQUENCIES, _LOWEST_HZ, _HIGHEST_HZ, MELS, SAMPLE_RATE
    )
    if warp == 1.0:
        return plain_FM
    place_F = torch.arange(FREQUENCIES) / warp
    below_F = place_F.floor().long().clamp(max=FREQUENCIES - 1)
    above_F = (below_F + 1).clamp(max=FREQUENCIES - 1)
    share_F1 = (place_F - below_F)[:, None]
    warped_FM = plain_FM[below_F] * (1 - share_F1) + plain_FM[above_F] * share_F1
    return warped_FM * (place_F < FREQUENCIES - 1)[:, None]
