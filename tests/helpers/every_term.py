"""Configure a run of every loss term: alone, and with weight 0 beside another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from emotalk.config.stages import DISCRIMINATOR_TERMS, generator_terms
from tests.helpers.tiny_training import TINY

Stage = dict[str, Any]


def every_term_yaml(folder: Path, shards: Path) -> Path:
    """Write the configuration and return its path: one step for each stage."""
    data = {**TINY["data"], "frames": 2, "batch_size": 2, "speech_margin_frames": 1}
    config = {
        **TINY,
        "shards": str(shards),
        "data": data,
        "model": {"width": 0.02, "generator": {"auxiliary_emotion": True, "auxiliary_mouth": True}},
        "losses": {"perceptual": {"network": "random", "width": 0.02, "frames": 0.5}},
        "optim": {"ema": 0},
        "checkpoint": {"every": 0},
        "stages": every_term_stages(),
    }
    path = folder / "every_term.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def every_term_stages() -> list[Stage]:
    """Return a stage for each term alone and for each with weight 0, and two of several updates."""
    stages = []
    known = {"generator": generator_terms(), "discriminators": DISCRIMINATOR_TERMS}
    for network, terms in known.items():
        for term, other in zip(terms, (*terms[1:], terms[0]), strict=True):
            stages.append(stage(f"{network} {term} alone", (network, {term: 0.5})))
            losses = {term: 0, other: 0.5}
            stages.append(stage(f"{network} {term} reported", (network, losses)))
    reported = {"mouth_region": 1, "l1": 0, "speech_emotion": 0, "pair": 0}
    judged = {"frame": 1, "emotion": 0, "pair": 0, "temporal": 1}
    stages.append(stage("gan", ("generator", reported), ("discriminators", judged)))
    without_head = {"mouth_region": 1, "frame": 0.1}
    stages.append(
        stage("gan without head", ("generator", without_head), ("discriminators", judged))
    )
    return stages


def stage(name: str, *updates: tuple[str, Mapping[str, float]]) -> Stage:
    """Return one iteration of the updates."""
    made = [{"network": network, "lr": 1e-4, "losses": dict(losses)} for network, losses in updates]
    return {"name": name, "iterations": 1, "updates": made}
