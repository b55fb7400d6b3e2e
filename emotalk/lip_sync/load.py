"""Write the lip-sync network with its facts, and load the one that comes with the package."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from torch import Tensor

from emotalk.files.atomic_write import atomic_path, atomic_write_text
from emotalk.files.checksums import file_sha256
from emotalk.files.small_files import parse_json, read_small
from emotalk.files.tensor_files import read_tensors, shapes_of, write_tensors
from emotalk.lip_sync.network import LipSyncNet
from emotalk.printable import quoted

WEIGHTS_FILE = "lip_sync_net.safetensors"
FACTS_FILE = "lip_sync_net.json"
MAX_BYTES = 2_000_000


@dataclass(frozen=True)
class LipSyncModel:
    """The network that comes with the package."""

    net: LipSyncNet  # in evaluation mode on the CPU
    speech_length: float  # median length of its embeddings of the speech it was trained on
    facts: Mapping[str, Any]  # its training data, their licence, and its figures


@cache
def load_lip_sync_model() -> LipSyncModel:
    """Return the network that comes with the package, on the CPU; it is read once a process."""
    package = files("emotalk.lip_sync")
    with (
        as_file(package.joinpath(WEIGHTS_FILE)) as weights,
        as_file(package.joinpath(FACTS_FILE)) as facts,
    ):
        return read_model(weights, facts)


def read_model(weights: Path, facts: Path) -> LipSyncModel:
    """Return the network of two files.

    Raises:
        OSError: one is missing or cannot be read.
        ValueError: a file that is too large or not of its kind, weights that do not fit the network
            or are not finite, or other weights than the facts are about.
    """
    described = parse_json(read_small(facts, max_bytes=MAX_BYTES))
    if not isinstance(described, dict):
        raise ValueError(f"{facts.name}: a JSON object is expected")
    if weights.stat().st_size > MAX_BYTES:
        raise ValueError(f"{weights.name}: has more than {MAX_BYTES} bytes")
    digest = file_sha256(weights)
    if digest != described.get("sha256"):
        raise ValueError(f"{weights.name}: sha256 {digest[:12]}... is not the one of {facts.name}")
    net = LipSyncNet()
    net.load_state_dict(read_tensors(weights, shapes_of(_weights(net))), strict=False)
    return LipSyncModel(net.eval().requires_grad_(False), _speech_length(described), described)


def _speech_length(described: Mapping[str, Any]) -> float:
    """Return the number of the facts.

    Raises:
        ValueError: it is missing, or not a number above 0.
    """
    length = described.get("speech_length")
    if not isinstance(length, int | float) or not 0 < length < math.inf:
        raise ValueError(f"speech_length: {quoted(length)}, expected a number above 0")
    return float(length)


def save_model(model: LipSyncModel, folder: Path) -> None:
    """Write the network's weights and its facts, with the hash of the weights, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / WEIGHTS_FILE
    with atomic_path(weights) as partial:
        write_tensors(_weights(model.net), partial)
    added = {"speech_length": model.speech_length, "sha256": file_sha256(weights)}
    described = {**model.facts, **added}
    atomic_write_text(folder / FACTS_FILE, json.dumps(described, indent=2, sort_keys=True) + "\n")


def _weights(net: LipSyncNet) -> dict[str, Tensor]:
    """Return the network's numbers in half precision, without its normalisations' counters."""
    state = net.state_dict().items()
    return {name: value.half() for name, value in state if value.is_floating_point()}
