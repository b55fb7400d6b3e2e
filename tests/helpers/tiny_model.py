"""Make a generator with random weights, small enough to be made in every test."""

from pathlib import Path

import torch

from emotalk.checkpoints.format import ModelFacts, write_model
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.model import ModelConfig
from emotalk.models import Generator
from emotalk.schema import EMOTIONS

TINY = ModelConfig(width=0.03)


def tiny_generator(seed: int = 0) -> Generator:
    torch.manual_seed(seed)
    return Generator(**TINY.generator_arguments(len(EMOTIONS))).eval()


def tiny_facts(margin_frames: int = 8) -> ModelFacts:
    return ModelFacts(emotions=EMOTIONS, speech_margin_frames=margin_frames)


def tiny_loaded(margin_frames: int = 8) -> LoadedGenerator:
    return LoadedGenerator(tiny_generator(), TINY, tiny_facts(margin_frames), Path("tiny"))


def write_tiny_model(folder: Path, seed: int = 0) -> Path:
    write_model(folder, tiny_generator(seed).state_dict(), TINY, tiny_facts())
    return folder
