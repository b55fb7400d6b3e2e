"""The network of the package is read within bounds, checked, and refused where it does not fit."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from emotalk.files.checksums import file_sha256
from emotalk.lip_sync.load import (
    FACTS_FILE,
    MAX_BYTES,
    WEIGHTS_FILE,
    LipSyncModel,
    load_lip_sync_model,
    read_model,
    save_model,
)
from emotalk.lip_sync.network import LipSyncNet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_model(LipSyncModel(LipSyncNet(), 2.5, {"seed": 7}), tmp_path)
    return tmp_path


def read(folder: Path) -> LipSyncNet:
    return read_model(folder / WEIGHTS_FILE, folder / FACTS_FILE).net


def replace_tensors(folder: Path, **changed: torch.Tensor) -> None:
    """Change tensors of the file, and the hash in the facts with them."""
    save_file({**load_file(folder / WEIGHTS_FILE), **changed}, folder / WEIGHTS_FILE)
    facts = {"sha256": file_sha256(folder / WEIGHTS_FILE)}
    (folder / FACTS_FILE).write_text(json.dumps(facts))


def test_the_shipped_network_is_small_and_says_where_it_comes_from() -> None:
    assert len(files("emotalk.lip_sync").joinpath(WEIGHTS_FILE).read_bytes()) <= 2_000_000
    model = load_lip_sync_model()
    assert "GRID" in model.facts["corpus"]
    assert model.facts["licence"] == "CC BY 4.0"
    assert model.facts["figures"]["unseen_people"]["within_one_frame"] >= 0.95
    assert not model.net.training
    assert load_lip_sync_model() is model


def test_what_is_written_is_read_in_half_precision(folder: Path) -> None:
    torch.manual_seed(0)
    written, found = LipSyncNet().state_dict(), read(folder).state_dict()
    model = read_model(folder / WEIGHTS_FILE, folder / FACTS_FILE)
    assert (model.speech_length, model.facts["seed"]) == (2.5, 7)
    for name, value in written.items():
        assert torch.equal(found[name], value.half().to(value.dtype)), name


def test_another_file_than_the_facts_are_about_is_refused(folder: Path) -> None:
    data = bytearray((folder / WEIGHTS_FILE).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(data)
    with pytest.raises(ValueError, match="sha256"):
        read(folder)


def test_weights_of_another_shape_or_not_finite_are_refused(folder: Path) -> None:
    replace_tensors(folder, log_sharpness=torch.zeros(2))
    with pytest.raises(ValueError, match=r"log_sharpness has shape .*expected"):
        read(folder)
    replace_tensors(folder, log_sharpness=torch.tensor(float("nan")))
    with pytest.raises(ValueError, match=r"not finite.*log_sharpness"):
        read(folder)
    replace_tensors(folder, log_sharpness=torch.tensor(1.0), stranger=torch.zeros(1))
    with pytest.raises(ValueError, match="stranger is unknown"):
        read(folder)


@pytest.mark.parametrize("facts", ["[]", "no json", "[" * 100_000])
def test_facts_that_are_no_object_are_refused(folder: Path, facts: str) -> None:
    (folder / FACTS_FILE).write_text(facts)
    with pytest.raises(ValueError, match=r"object|JSON|Expecting|nested"):
        read(folder)


@pytest.mark.parametrize("length", ["0", "-1", "NaN", "Infinity", '"2"', "null", "1e999"])
def test_a_speech_length_that_is_no_positive_number_is_refused(folder: Path, length: str) -> None:
    facts = (folder / FACTS_FILE).read_text()
    (folder / FACTS_FILE).write_text(facts.replace("2.5", length))
    with pytest.raises(ValueError, match=r"speech_length: .* above 0"):
        read(folder)


@pytest.mark.parametrize("name", [WEIGHTS_FILE, FACTS_FILE])
def test_a_large_or_missing_file_is_refused(folder: Path, name: str) -> None:
    with (folder / name).open("r+b") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ValueError, match=f"more than {MAX_BYTES} bytes"):
        read(folder)
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError):
        read(folder)
