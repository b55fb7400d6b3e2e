"""A tiny shard set and an untrained checkpoint, made once."""

from pathlib import Path

import pytest

from emotalk.checkpoints.format import ModelFacts, write_model
from emotalk.config.model import ModelConfig
from emotalk.models import Generator
from emotalk.schema import EMOTIONS
from tests.helpers.drawn_shards import DrawnClip, drawn_clip, write_shard_set

CLIPS = (
    (0, "IEO", "happiness"),
    (0, "TIE", "neutral"),
    (0, "DFA", "anger"),
    (1, "IEO", "sadness"),
    (1, "WSI", "neutral"),
)
SEED = 77


@pytest.fixture(scope="session")
def drawn_clips() -> dict[tuple[int, str, str], DrawnClip]:
    return {
        (actor, sentence, emotion): drawn_clip(SEED, actor, sentence, emotion, frames=30)
        for actor, sentence, emotion in CLIPS
    }


@pytest.fixture(scope="session")
def shards(
    tmp_path_factory: pytest.TempPathFactory, drawn_clips: dict[tuple[int, str, str], DrawnClip]
) -> Path:
    return write_shard_set(tmp_path_factory.mktemp("shards"), drawn_clips)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "checkpoint"
    config = ModelConfig(width=0.0625)
    generator = Generator(**config.generator_arguments(len(EMOTIONS)))
    facts = ModelFacts(emotions=EMOTIONS, speech_margin_frames=8)
    write_model(folder, generator.state_dict(), config, facts)
    return folder
