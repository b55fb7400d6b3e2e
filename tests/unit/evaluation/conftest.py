"""A tiny shard set and an untrained checkpoint, made once."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emotalk.checkpoints.format import ModelFacts, write_model
from emotalk.config.model import ModelConfig
from emotalk.evaluation import comparison
from emotalk.models import Generator
from emotalk.schema import EMOTIONS, SAMPLES_PER_FRAME, Floats
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


@pytest.fixture
def tones_are_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every sound for speech, since plain clips hold tones; the model takes none for it."""
    monkeypatch.setattr(comparison, "voiced_frames", _frames_with_sound)


def _frames_with_sound(audio_S: Floats) -> NDArray[np.bool_]:
    frames = len(audio_S) // SAMPLES_PER_FRAME
    audio_TS = audio_S[: frames * SAMPLES_PER_FRAME].reshape(frames, SAMPLES_PER_FRAME)
    return np.asarray(audio_TS.any(1))
