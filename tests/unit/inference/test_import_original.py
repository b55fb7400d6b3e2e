"""The original's files become a folder that everything else reads."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from emotalk.errors import WrongUse
from emotalk.inference.import_original import import_original
from emotalk.inference.load import load_generator
from emotalk.models import EmotionDiscriminator, FrameDiscriminator
from emotalk.models.original import original_name
from tests.helpers.generators import ORIGINAL, small_generator, whole_utterance
from tests.helpers.original import save_as_original

CHANNELS = (8, 8, 8, 16, 16)


def save_all(folder: Path) -> None:
    state = small_generator(**ORIGINAL).state_dict()
    named = {original_name("generator", name): value for name, value in state.items()}
    save_as_original(named, folder / "generator.pt")
    frame = FrameDiscriminator(channels=CHANNELS, hidden=24)
    save_as_original(frame.state_dict(), folder / "disc_frame.pt")
    emotion = EmotionDiscriminator(channels=CHANNELS, hidden=24, features=16)
    save_as_original(emotion.state_dict(), folder / "disc_emo.pt")


@torch.no_grad()
def test_an_imported_generator_loads_and_gives_the_same_frames(tmp_path: Path) -> None:
    save_all(tmp_path)
    import_original(tmp_path / "generator.pt", tmp_path / "model")
    loaded = load_generator(tmp_path / "model")
    generator = small_generator(**ORIGINAL)
    inputs = whole_utterance(generator, clips=1, samples=960)
    torch.testing.assert_close(
        loaded.generator(*inputs).video_BTCHW, generator(*inputs).video_BTCHW
    )


def test_a_folder_brings_the_discriminators_too(tmp_path: Path) -> None:
    save_all(tmp_path)
    config = import_original(tmp_path, tmp_path / "model")
    weights = load_file(tmp_path / "model" / "discriminators.safetensors")
    assert config.frame.slope == config.emotion.slope == 0.3
    for name, network in (
        ("frame", FrameDiscriminator(**config.frame_arguments())),
        ("emotion", EmotionDiscriminator(**config.emotion_arguments(6))),
    ):
        prefix = f"{name}."
        own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        network.load_state_dict(own)


def test_what_cannot_be_imported_is_named(tmp_path: Path) -> None:
    save_all(tmp_path)
    with pytest.raises(WrongUse, match="holds the original's frame network, expected its gen"):
        import_original(tmp_path / "disc_frame.pt", tmp_path / "model")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    with pytest.raises(WrongUse, match="not empty"):
        import_original(tmp_path / "generator.pt", tmp_path / "full")
    with pytest.raises(WrongUse, match="holds no generator"):
        import_original(tmp_path / "full", tmp_path / "model")
