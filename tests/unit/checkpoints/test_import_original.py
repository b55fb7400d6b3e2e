from pathlib import Path

import numpy as np
import pytest
import torch

from emotalk.checkpoints.import_original import import_original
from emotalk.checkpoints.knowledge import what_it_knows
from emotalk.checkpoints.load import load_generator
from emotalk.errors import WrongUse
from emotalk.inference.generate import ClipRequest, generate_clips
from emotalk.models.original import read_original
from emotalk.schema import EMOTIONS
from tests.helpers.original import formula_weights, reference, save_as_original


def saved(tmp_path: Path, network: str) -> Path:
    meta, _ = reference()
    return save_as_original(formula_weights(meta, network), tmp_path / f"{network}.pt")


def test_the_imported_generator_is_the_original_and_speaks(tmp_path: Path) -> None:
    source = saved(tmp_path, "generator")
    import_original(source, tmp_path / "model")
    loaded = load_generator(tmp_path / "model")
    assert loaded.facts.emotions == EMOTIONS
    assert loaded.facts.speech_margin_frames == 0
    knows = str(what_it_knows(loaded.facts))
    assert knows.startswith("a corpus: CREMA-D (how many clips was not recorded); emotions: anger,")
    torch.testing.assert_close(
        dict(loaded.generator.state_dict()), read_original(source).state, rtol=0, atol=0
    )
    speech_S = np.sin(np.arange(1600) / 9).astype(np.float32)
    clip = ClipRequest(np.zeros((3, 128, 128), np.uint8), speech_S, np.eye(6, dtype=np.float32)[0])
    assert generate_clips(loaded, [clip])[0].shape == (5, 128, 128, 3)


def test_a_discriminator_is_no_generator(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="the original's frame network, expected its generator"):
        import_original(saved(tmp_path, "disc_frame"), tmp_path / "model")


def test_a_folder_that_holds_something_is_kept(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine").touch()
    with pytest.raises(WrongUse, match="not empty; name a new folder"):
        import_original(tmp_path / "generator.pt", tmp_path / "model")


def test_an_output_where_nobody_may_write_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="cannot be written"):
        import_original(saved(tmp_path, "generator"), Path("/proc/model"))
