"""Contrast-limited adaptive histogram equalisation, all frames at once.

The algorithm is OpenCV's (`cv2.createCLAHE`), which Albumentations uses: 256 grey levels, one
histogram a tile, clipped, the excess spread evenly, and each pixel looked up in the tables of the
four nearest tiles. Here one histogram call serves all tiles of all frames and the four look-ups are
gathers, so it runs on any device and takes a fraction of the time of kornia's `equalize_clahe`.
"""

from functools import lru_cache

import torch
from torch import Tensor

LEVELS = 256
LUMA = (0.299, 0.587, 0.114)  # BT.601


def equalise_lightness(frames_NCHW: Tensor, *, clip_limit: float, tiles: int) -> Tensor:
    """Return RGB images in [0, 1] whose luma is equalised and whose colour differences are kept.

    Albumentations equalises L of CIE Lab; luma differs from it by a monotone curve and spares the
    two conversions.

    Args:
        frames_NCHW: RGB in [0, 1]; height and width divide by `tiles`.
        clip_limit: greatest height of a tile's histogram, in mean heights; at least 1.
        tiles: a side.
    """
    weights = frames_NCHW.new_tensor(LUMA).view(1, 3, 1, 1)
    luma_NHW = (frames_NCHW * weights).sum(1)
    levels_NHW = (luma_NHW * (LEVELS - 1)).round_().clamp_(0, LEVELS - 1).to(torch.int64)
    equal_NHW = clahe(levels_NHW, clip_limit=clip_limit, tiles=tiles)
    change_NHW = (equal_NHW - levels_NHW) / (LEVELS - 1)
    return (frames_NCHW + change_NHW.unsqueeze(1)).clamp_(0, 1)


def clahe(levels_NHW: Tensor, *, clip_limit: float, tiles: int) -> Tensor:
    """Return the equalised grey levels as float in [0, 255], not rounded.

    Args:
        levels_NHW: int64 in [0, 255]; height and width divide by `tiles`.
        clip_limit: greatest height of a tile's histogram, in mean heights.
        tiles: a side.
    """
    tables = _tables(levels_NHW, clip_limit, tiles).view(-1)
    count, height, width = levels_NHW.shape
    of_frame = torch.arange(count, device=levels_NHW.device).view(-1, 1, 1) * (tiles**2 * LEVELS)
    place_NHW = levels_NHW + of_frame
    (top, bottom, down_H), (left, right, across_W) = (
        _neighbours(size, tiles, levels_NHW.device) for size in (height, width)
    )

    def row(tile_H: Tensor) -> Tensor:
        first = place_NHW + (tile_H * (tiles * LEVELS)).view(-1, 1)
        at_left = torch.take(tables, first + left * LEVELS)
        at_right = torch.take(tables, first + right * LEVELS)
        return torch.lerp(at_left, at_right, across_W)

    return torch.lerp(row(top), row(bottom), down_H.view(-1, 1))


def _tables(levels_NHW: Tensor, clip_limit: float, tiles: int) -> Tensor:
    """Return the look-up table of every tile: float (N, tiles * tiles, 256), whole numbers."""
    count, height, width = levels_NHW.shape
    area = (height // tiles) * (width // tiles)
    device = levels_NHW.device
    rows = torch.arange(height, device=device) // (height // tiles)
    columns = torch.arange(width, device=device) // (width // tiles)
    tile_HW = rows.view(-1, 1) * tiles + columns
    frame_N = torch.arange(count, device=device).view(-1, 1, 1) * tiles**2
    bins = (frame_N + tile_HW) * LEVELS + levels_NHW
    histogram = torch.bincount(bins.view(-1), minlength=count * tiles**2 * LEVELS)
    histogram = _clipped(histogram.view(-1, LEVELS), max(int(clip_limit * area / LEVELS), 1))
    tables = (histogram.cumsum(1) * ((LEVELS - 1) / area)).round_().clamp_(0, LEVELS - 1)
    return tables.view(count, tiles**2, LEVELS)


def _clipped(histogram: Tensor, limit: int) -> Tensor:
    """Return float histograms cut at `limit`, the excess spread over all levels as OpenCV does."""
    excess = (histogram - limit).clamp_min(0).sum(1, keepdim=True)
    rest = excess % LEVELS
    step = (LEVELS // rest.clamp_min(1)).clamp_min(1)
    level = torch.arange(LEVELS, device=histogram.device)
    gets_one_more = (level % step == 0) & (level // step < rest)
    spread = histogram.clamp_max(limit) + excess // LEVELS + gets_one_more
    return spread.to(torch.float32)


@lru_cache(maxsize=8)
def _neighbours(size: int, tiles: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return for each pixel of an axis the two nearest tiles and the weight of the second."""
    position = torch.arange(size, device=device) / (size // tiles) - 0.5
    first = position.floor()
    weight = position - first
    lower = first.clamp(0, tiles - 1).to(torch.int64)
    upper = (first + 1).clamp(0, tiles - 1).to(torch.int64)
    return lower, upper, weight
