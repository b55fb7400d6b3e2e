"""Define the batch of clip windows, and convert pixels between bytes and [-1, 1]."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from emotalk.data.shared_memory import SharedMemoryFull


class ClipBatch(NamedTuple):
    """Windows of B clips, this rank's share of a step."""

    keys: tuple[str, ...]  # names of the clips; empty where a split's last batch is not full
    places: tuple[int, ...]  # number of each clip's place in the run
    condition_BCHW: Tensor  # uint8 RGB, the condition image; float [0, 1] once augmented
    video_BTCHW: Tensor  # uint8 RGB; float [0, 1] once augmented
    speech_BS: Tensor  # float32, (T + 2 * margin) * 320 samples at 8 kHz
    landmarks_BTLP: Tensor  # float32 (x, y) in crop pixels
    emotion_B: Tensor  # int64, index into the emotion set, `UNKNOWN_EMOTION` without a label
    intensity_B: Tensor  # float32 in [0, 1], 1 where it or the emotion is unknown
    valid_B: Tensor  # bool; False where the clip could not be read: everything else is zero there
    other_speech_BS: Tensor | None = None  # of another clip; None unless `data.other_speech`
    babble_BS: Tensor | None = None  # sum of other clips; None unless `data.babble_voices`
    preceding_BS: Tensor | None = None  # heard just before `speech_BS`; `data.preceding_speech`
    preceded_B: Tensor | None = None  # bool; False where nothing is heard before


def zeros_in_one_block(
    parts: Mapping[str, tuple[tuple[int, ...], torch.dtype]], *, shared: bool = False
) -> dict[str, Tensor]:
    """Return a zero tensor of each shape and type, all of them views of one block of memory.

    Torch passes memory between processes by a socket connection for each block. One block a batch
    instead of one a tensor lets two workers deliver a tenth more.

    Args:
        parts: name -> shape and type; the wider types come first, so that each begins at a multiple
            of its own size.
        shared: allocate it in memory that processes share. torch would do so later, in a thread of
            the worker whose failure is not reported.

    Raises:
        SharedMemoryFull: that memory is full.
    """
    sizes = [math.prod(shape) * dtype.itemsize for shape, dtype in parts.values()]
    whole = torch.zeros(sum(sizes), dtype=torch.uint8)
    try:
        pieces = torch.split(whole.share_memory_() if shared else whole, sizes)  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise SharedMemoryFull(str(error)) from None
    named = zip(parts.items(), pieces, strict=True)
    return {name: piece.view(dtype).view(shape) for (name, (shape, dtype)), piece in named}


def to_device(batch: ClipBatch, device: torch.device) -> ClipBatch:
    """Return the batch with its tensors on `device`; does not wait for pinned memory."""
    moved: dict[str, Any] = {
        name: part.to(device, non_blocking=True)
        for name, part in batch._asdict().items()
        if isinstance(part, Tensor)
    }
    return batch._replace(**moved)


def upload(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on `device`; a copy from unpinned memory would wait for the GPU."""
    pinned = tensor.pin_memory() if device.type == "cuda" else tensor
    return pinned.to(device, non_blocking=True)


def to_unit(images: Tensor) -> Tensor:
    """Return images as float32 [-1, 1]: from uint8 [0, 255], or from float [0, 1] (augmented)."""
    scale = 2 / 255 if images.dtype == torch.uint8 else 2.0
    return images.to(torch.float32).mul(scale).sub_(1)


def from_unit(images: Tensor) -> Tensor:
    """Return images [-1, 1] as uint8 [0, 255], rounded; values outside are clamped."""
    return images.detach().add(1).mul_(255 / 2).round_().clamp_(0, 255).to(torch.uint8)
