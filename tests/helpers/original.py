"""Compute weights of the original's networks by the formula of the reference values."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.helpers.shared import shared_data


def reference() -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the reference's sizes and its arrays as tensors."""
    with np.load(shared_data("reference", "original_small.npz"), allow_pickle=False) as arrays:
        meta = json.loads(str(arrays["meta"]))
        tensors = {k: torch.from_numpy(np.array(arrays[k])) for k in arrays.files if k != "meta"}
    return meta, tensors


def formula_weights(meta: dict[str, Any], network: str) -> dict[str, Tensor]:
    """Return `generator`, `disc_frame` or `disc_emotion` under the original's names."""
    shapes = meta["parameters"][network]
    return {name: _formula(k, name, shape) for k, (name, shape) in enumerate(shapes)}


def save_as_original(state: dict[str, Tensor], path: Path) -> Path:
    """Write a file as the original's trainer does, DataParallel's prefix included."""
    torch.save({f"module.{name}": value for name, value in state.items()}, path)
    return path


def _formula(k: int, name: str, shape: list[int]) -> Tensor:
    i = np.arange(np.prod(shape), dtype=np.float64)
    scale = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.05
    scale *= 4 if "rnn" in name else 1
    values = np.sin(((i * i * 0.6180339887) % 6.283185307179586) + i * 12.9898 + k) * scale
    return torch.from_numpy(values.astype(np.float32).reshape(shape))
