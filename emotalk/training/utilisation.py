"""Turn the operations of a training into TFLOP/s, and into the share of what its GPUs could do."""

import re
from collections.abc import Mapping

# TFLOP/s without sparsity, from the makers' data sheets: bfloat16, and TF32 or, where a GPU has
# none, float32. The first name that stands as whole words in the device's name counts.
PEAKS = {
    "GB200": (2500.0, 1250.0),
    "GH200": (989.0, 494.0),
    "H200": (989.0, 494.0),
    "H100 PCIe": (756.0, 378.0),
    "H100 NVL": (835.0, 417.0),
    "H100": (989.0, 494.0),
    "B200": (2250.0, 1125.0),
    "A100": (312.0, 156.0),
    "A800": (312.0, 156.0),
    "A40": (149.7, 74.8),
    "A30": (165.0, 82.0),
    "A10G": (70.0, 35.0),
    "A10": (125.0, 62.5),
    "L40S": (362.0, 183.0),
    "L40": (181.0, 90.5),
    "L4": (121.0, 60.0),
    "RTX A6000": (154.8, 77.4),
    "RTX 6000 Ada": (364.0, 182.0),
    "RTX 4090": (165.2, 82.6),
    "RTX 3090": (71.0, 35.6),
}


def peak_tflops(device_name: str, precision: str) -> float | None:
    """Return the most TFLOP/s of a GPU in `bf16` or `fp32`, or None if it is not known.

    In fp32 the convolutions, nearly all of the work, use TF32 where the GPU has it.
    """
    for name, (bf16, tf32) in PEAKS.items():
        if re.search(rf"(?<!\w){name}(?!\w| Laptop| Ti\b)", device_name):
            return bf16 if precision == "bf16" else tf32
    return None


def utilisation(
    flops_of_clip: Mapping[str, float],
    clips: Mapping[str, int],
    seconds: float,
    *,
    peak_of_all: float | None,
) -> dict[str, float]:
    """Return the TFLOP/s of all processes together and, if the peak is known, the share of it.

    Args:
        flops_of_clip: stage -> operations for one clip in one step; empty while it is not known.
        clips: stage -> clips that its steps took, over all processes.
        seconds: in which they did.
        peak_of_all: TFLOP/s that all devices together could do.
    """
    if not clips or seconds <= 0 or not all(stage in flops_of_clip for stage in clips):
        return {}
    tflops = sum(flops_of_clip[stage] * count for stage, count in clips.items()) / seconds / 1e12
    share = {} if peak_of_all is None else {"speed/mfu": tflops / peak_of_all}
    return {"speed/tflops_per_s": tflops, **share}
