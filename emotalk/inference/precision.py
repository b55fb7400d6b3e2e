"""Choose the type of the decoder's numbers: float32, or bfloat16 where it is safe.

On a CPU with instructions for bfloat16 the paper's width is generated 1.5 times as fast. `auto`
takes bfloat16 there if the video's own first frames stay within one grey level of float32's.
"""

import logging
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch

from emotalk.schema import Bytes

Precision = Literal["auto", "float32", "bfloat16"]
FloatType = Literal["float32", "bfloat16"]
PROBE_S = 0.4  # of speech, whose frames are made in both
LARGEST_DIFFERENCE = 1  # grey level of 255
INSTRUCTIONS = ("avx512_bf16", "amx_bf16")  # without them bfloat16 is emulated, and slower

LOG = logging.getLogger("emotalk.generate")


def choose_precision(
    wanted: Precision, device: torch.device, probe_THWC: Callable[[FloatType], Bytes]
) -> FloatType:
    """Return the type of number to compute in.

    Args:
        wanted: `auto` chooses; the others are taken as they are.
        device: of the generator; `auto` takes float32 on any but a CPU with the instructions.
        probe_THWC: returns the video's first frames, uint8, computed in this type.
    """
    if wanted != "auto":
        return wanted
    if device.type != "cpu" or not has_bfloat16():
        return "float32"
    difference = np.abs(probe_THWC("bfloat16").astype(np.int16) - probe_THWC("float32")).max()
    if difference <= LARGEST_DIFFERENCE:
        return "bfloat16"
    LOG.info(
        "computed in float32: in bfloat16 the first frames differ by %d grey levels", difference
    )
    return "float32"


def has_bfloat16() -> bool:
    """Return whether this CPU has instructions for bfloat16."""
    found = torch.cpu.get_capabilities()
    return any(found.get(name) is True for name in INSTRUCTIONS)
