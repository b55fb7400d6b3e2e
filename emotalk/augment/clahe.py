"""Equalise the lightness of all frames at once by contrast-limited adaptive histograms (CLAHE).

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
    red, green, blue = frames_NCHW.unbind(1)
    luma_NHW = (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])
    luma_NHW = luma_NHW.mul_(LEVELS - 1).round_().clamp_(0, LEVELS - 1)
    equal_NHW = clahe(luma_NHW.to(torch.int32), clip_limit=clip_limit, tiles=tiles)
    change_NHW = equal_NHW.sub_(luma_NHW).div_(LEVELS - 1)
    return (frames_NCHW + change_NHW.unsqueeze(1)).clamp_(0, 1)


def clahe(levels_NHW: Tensor, *, clip_limit: float, tiles: int) -> Tensor:
    """Return int32 grey levels in [0, 255] equalised, as float in [0, 255] and not rounded.

    For the other arguments see `equalise_lightness`.
    """
    tables = _tables(levels_NHW, clip_limit, tiles).view(-1)
    count, height, width = levels_NHW.shape
    frame = torch.arange(count, device=levels_NHW.device, dtype=torch.int32)
    place_NHW = levels_NHW + frame.view(-1, 1, 1) * (tiles**2 * LEVELS)
    (top, bottom, down_H), (left, right, across_W) = (
        _neighbours(size, tiles, levels_NHW.device) for size in (height, width)
    )

    def look_up(place_NHW: Tensor) -> Tensor:
        return tables.index_select(0, place_NHW.view(-1)).view(place_NHW.shape)

    def row(tile_H: Tensor) -> Tensor:
        first = place_NHW + (tile_H * (tiles * LEVELS)).view(-1, 1)
        at_left = look_up(first + left * LEVELS)
        at_right = look_up(first + right * LEVELS)
        return torch.lerp(at_left, at_right, across_W)

    return torch.lerp(row(top), row(bottom), down_H.view(-1, 1))


def _tables(levels_NHW: Tensor, clip_limit: float, tiles: int) -> Tensor:
    """Return the look-up table of every tile: float (N, tiles * tiles, 256), whole numbers."""
    count, height, width = levels_NHW.shape
    area = (height // tiles) * (width // tiles)
    device = levels_NHW.device
    rows = torch.arange(height, device=device, dtype=torch.int32) // (height // tiles)
    columns = torch.arange(width, device=device, dtype=torch.int32) // (width // tiles)
    tile_HW = rows.view(-1, 1) * tiles + columns
    frame_N = torch.arange(count, device=device, dtype=torch.int32).view(-1, 1, 1) * tiles**2
    bins = levels_NHW + (frame_N + tile_HW) * LEVELS
    histogram = _count(bins.view(-1), count * tiles**2 * LEVELS).view(-1, LEVELS)
    histogram = _clipped(histogram, area, max(int(clip_limit * area / LEVELS), 1))
    # Whole numbers: on CUDA the running sum of floats depends on the run.
    sums = histogram.to(torch.int64).cumsum(1).to(torch.float32)
    tables = sums.mul_((LEVELS - 1) / area).round_().clamp_(0, LEVELS - 1)
    return tables.view(count, tiles**2, LEVELS)


def _count(bins: Tensor, size: int) -> Tensor:
    """Return how often each of `size` bins comes, as float32; exact, as no count nears 2^24."""
    if not bins.is_cuda:
        return torch.bincount(bins, minlength=size).to(torch.float32)
    # On a GPU `bincount` waits for the device, to learn the largest bin.
    counts = torch.zeros(size, device=bins.device)
    return counts.scatter_add_(0, bins.long(), torch.ones_like(bins, dtype=torch.float32))


def _clipped(histogram: Tensor, area: int, limit: int) -> Tensor:
    """Return histograms of `area` pixels cut at `limit`, the excess spread as OpenCV does."""
    cut = histogram.clamp_max(limit)
    excess = area - cut.sum(1).to(torch.int64)
    cut += (excess // LEVELS).unsqueeze(1)
    return cut.add_(_one_more(histogram.device).index_select(0, excess % LEVELS))


@lru_cache(maxsize=8)
def _one_more(device: torch.device) -> Tensor:
    """Return for each rest of an excess, 0 to 255, 1 at the levels that get one more, else 0."""
    rest = torch.arange(LEVELS, device=device).unsqueeze(1)
    step = (LEVELS // rest.clamp_min(1)).clamp_min(1)
    level = torch.arange(LEVELS, device=device)
    return ((level % step == 0) & (level // step < rest)).to(torch.float32)


@lru_cache(maxsize=8)
def _neighbours(size: int, tiles: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return for each pixel of an axis the two nearest tiles and the weight of the second."""
    position = torch.arange(size, device=device) / (size // tiles) - 0.5
    first = position.floor()
    weight = position - first
    lower = first.clamp(0, tiles - 1).to(torch.int32)
    upper = (first + 1).clamp(0, tiles - 1).to(torch.int32)
    return lower, upper, weight
