"""Keep fitted classifiers, by a digest of everything that decides them.

They are safetensors files of known shapes with a few facts; nothing in them is a pickle.
"""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open

from emotalk.config.evaluate_emotion import FitConfig
from emotalk.config.section import Section
from emotalk.evaluation.fitted_emotions.network import FittedEmotionNet
from emotalk.files.atomic_write import atomic_path
from emotalk.files.tensor_files import read_tensors, shapes_of, write_tensors
from emotalk.shards.joined_set import AnyShardSet

VERSION = 1  # to be raised with every change of network, frames or training
FACTS = "emotalk-fitted-emotions"  # key in the file's metadata
LARGEST_FILE = 2**21  # bytes; the network has 0.3 MB
LONGEST_FACTS = 10_000  # characters

LOG = logging.getLogger(__name__)


class FitFacts(Section):
    """Describe the clips that a classifier was fitted to."""

    clips: int = Field(ge=1, le=10**7)
    actors: int = Field(ge=1, le=10**7)
    emotions: dict[str, int]  # emotion -> its clips


@dataclass(frozen=True)
class Fitted:
    """A fitted network and its facts."""

    net: FittedEmotionNet  # in evaluation mode on the CPU
    facts: FitFacts


def cache_file(config: FitConfig, shard_set: AnyShardSet) -> Path:
    """Return the file of a classifier: its name follows from the shard set and the settings."""
    decides = {
        "version": VERSION,
        "torch": torch.__version__.split("+")[0],
        "set": shard_set.digest,
        **config.model_dump(mode="json", exclude={"cache"}),
    }
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
    return config.cache.expanduser() / f"{digest[:32]}.safetensors"


def read_fitted(path: Path) -> Fitted | None:
    """Return the classifier of a file; None, and a warning if the file is damaged, without one."""
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"has more than {LARGEST_FILE} bytes")
        net = FittedEmotionNet()
        state = net.state_dict()
        tensors = read_tensors(path, shapes_of(_numbers(net)))
        with safe_open(path, "pt") as stored:
            said = (stored.metadata() or {}).get(FACTS, "")
        if len(said) > LONGEST_FACTS:
            raise ValueError("its facts are too long")
        facts = FitFacts.model_validate_json(said)
    except (OSError, ValueError, ValidationError, SafetensorError) as error:
        LOG.warning("%s: the kept classifier is damaged and fitted anew: %s", path, error)
        return None
    net.load_state_dict({**state, **tensors})
    return Fitted(net=net.eval().requires_grad_(False), facts=facts)


def write_fitted(fitted: Fitted, path: Path) -> None:
    """Write a classifier; a folder that cannot be written is a warning, since only time is lost."""
    tensors = {name: value.contiguous() for name, value in _numbers(fitted.net).items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as partial:
            write_tensors(tensors, partial, metadata={FACTS: fitted.facts.model_dump_json()})
    except (OSError, SafetensorError) as error:
        LOG.warning("%s: the fitted classifier could not be kept: %s", path, error)


def _numbers(net: FittedEmotionNet) -> dict[str, torch.Tensor]:
    """Return the network's numbers without its normalisations' counters."""
    state = net.state_dict().items()
    return {name: value for name, value in state if value.is_floating_point()}
