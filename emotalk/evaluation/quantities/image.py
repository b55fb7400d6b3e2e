"""Measure PSNR and SSIM, of the whole face and of the mouth crop."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch

from emotalk.evaluation.comparison import Comparison, Metric, Quantity, Truth, to_metrics
from emotalk.metrics.image import crop_mouth, psnr, ssim
from emotalk.metrics.image_by_frame import frame_psnr, frame_ssim
from emotalk.schema import Bytes, Floats

Figures = dict[str, float]
ALL_EQUAL = "every pixel equals the true one, which makes it infinite"


def image_figures(comparison: Comparison) -> Figures:
    """Return PSNR and SSIM; the mouth crop is placed by the shard's landmarks."""
    return image_figures_together([comparison])[0]


def image_figures_together(comparisons: Sequence[Comparison]) -> list[Figures]:
    """Return the figures of several comparisons, those of one true clip in a row.

    The rows of one clip have one length and share what depends on the true frames. On a GPU they
    are one batch.
    """
    figures: list[Figures] = []
    for truth, rows in _by_truth(comparisons):
        videos = [row.frames_THWC for row in rows]
        on_gpu = truth.device.type != "cpu"
        figures += _on_gpu(videos, truth) if on_gpu else _on_cpu(videos, truth)
    return figures


def _by_truth(comparisons: Sequence[Comparison]) -> list[tuple[Truth, list[Comparison]]]:
    groups = [list(rows) for _, rows in groupby(comparisons, key=lambda row: id(row.truth))]
    return [(rows[0].truth, rows) for rows in groups]


def _on_cpu(videos: Sequence[Bytes], truth: Truth) -> list[Figures]:
    points_TLP = truth.clip.landmarks_TLP
    mouths = [_mouth(video, points_TLP) for video in videos]
    true_mouth = _mouth(truth.frames_THWC, points_TLP)
    columns = {
        "psnr": frame_psnr(videos, truth.frames_THWC),
        "ssim": frame_ssim(videos, truth.frames_THWC),
        "psnr_mouth": frame_psnr(mouths, true_mouth),
        "ssim_mouth": frame_ssim(mouths, true_mouth),
    }
    return [
        {name: float(values[row]) for name, values in columns.items()} for row in range(len(videos))
    ]


def _on_gpu(videos: Sequence[Bytes], truth: Truth) -> list[Figures]:
    """Return the figures of a clip's rows, measured as one batch on its device."""
    video_BTCHW = torch.cat([to_metrics(video).to(truth.device) for video in videos])
    true_BTCHW = to_metrics(truth.frames_THWC).to(truth.device).expand_as(video_BTCHW)
    points_BTLP = torch.tensor(truth.clip.landmarks_TLP)[None].expand(len(videos), -1, -1, -1)
    mouth, true_mouth = crop_mouth(video_BTCHW, points_BTLP), crop_mouth(true_BTCHW, points_BTLP)
    columns = {
        "psnr": psnr(video_BTCHW, true_BTCHW).tolist(),
        "ssim": ssim(video_BTCHW, true_BTCHW).tolist(),
        "psnr_mouth": psnr(mouth, true_mouth).tolist(),
        "ssim_mouth": ssim(mouth, true_mouth).tolist(),
    }
    return [{name: values[row] for name, values in columns.items()} for row in range(len(videos))]


def _mouth(frames_THWC: Bytes, points_TLP: Floats) -> Bytes:
    """Return the mouth crop of a video, (T, 40, 48, C)."""
    video_BTCHW = torch.from_numpy(np.ascontiguousarray(frames_THWC)).permute(0, 3, 1, 2)[None]
    crop_BTCHW = crop_mouth(video_BTCHW, torch.tensor(points_TLP)[None])
    crop_THWC: Bytes = crop_BTCHW[0].permute(0, 2, 3, 1).contiguous().numpy()
    return crop_THWC


METRIC = Metric(
    {
        "psnr": Quantity(
            "PSNR, whole face (dB)",
            "higher",
            2,
            "Likeness of all pixels; a still scores high, a blurred or moved face low; "
            "looks do not count.",
            ALL_EQUAL,
        ),
        "psnr_mouth": Quantity(
            "PSNR, mouth crop (dB)",
            "higher",
            2,
            "Likeness of the pixels in a crop of 48 x 40 around the true mouth.",
            ALL_EQUAL,
        ),
        "ssim": Quantity(
            "SSIM, whole face",
            "higher",
            4,
            "Likeness of local structure to the true picture; 1 for the same one; "
            "a still scores high.",
        ),
        "ssim_mouth": Quantity(
            "SSIM, mouth crop",
            "higher",
            4,
            "Likeness of local structure in a crop of 48 x 40 around the true mouth.",
        ),
    },
    image_figures,
    measure_together=image_figures_together,
)
