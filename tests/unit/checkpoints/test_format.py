import hashlib
import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from emotalk.checkpoints.format import read_description, read_generator, write_model
from emotalk.checkpoints.load import load_generator
from emotalk.errors import WrongUse
from tests.helpers.peak_memory import begin_peak, peak
from tests.helpers.shared import shared_data
from tests.helpers.tiny_model import TINY, tiny_facts, tiny_generator, write_tiny_model


def test_a_generator_comes_back_with_the_same_numbers(tmp_path: Path) -> None:
    generator = tiny_generator()
    write_model(tmp_path, generator.state_dict(), TINY, tiny_facts())
    loaded = load_generator(tmp_path)
    assert loaded.facts == tiny_facts()
    assert loaded.config == TINY
    assert not loaded.generator.training
    for name, value in generator.state_dict().items():
        torch.testing.assert_close(loaded.generator.state_dict()[name], value, rtol=0, atol=0)


def test_the_running_average_is_preferred_and_can_be_declined(tmp_path: Path) -> None:
    plain, average = tiny_generator(1).state_dict(), tiny_generator(2).state_dict()
    write_model(tmp_path, plain, TINY, tiny_facts(), average)
    torch.testing.assert_close(read_generator(tmp_path), average)
    torch.testing.assert_close(read_generator(tmp_path, ema=False), plain)


def test_a_description_of_another_format_is_refused(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    path = tmp_path / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": "emotalk-model/9"}))
    with pytest.raises(WrongUse, match="format emotalk-model/1"):
        read_description(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\u20ac"])
def test_a_description_that_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    write_tiny_model(tmp_path)
    (tmp_path / "model.json").write_text(text, "utf-8")
    with pytest.raises(WrongUse, match="not a description of a model"):
        read_description(tmp_path)


def test_every_fault_of_a_description_is_named(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    path = tmp_path / "model.json"
    tree = json.loads(path.read_text())
    tree["model"]["width"] = -1
    tree["colour"] = "blue"
    path.write_text(json.dumps(tree))
    with pytest.raises(WrongUse, match=r"(?s)2 faults.*model\.width.*colour"):
        read_description(tmp_path)


def test_missing_unknown_and_misshaped_tensors_are_named(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    path = tmp_path / "generator.safetensors"
    tensors = load_file(path)
    del tensors["decoder.output.bias"]
    tensors["decoder.fc.bias"] = torch.zeros(3)
    tensors["stranger"] = torch.zeros(1)
    save_file(tensors, path)
    with pytest.raises(WrongUse) as refusal:
        load_generator(tmp_path)
    for part in ("decoder.output.bias is missing", "stranger is unknown", "decoder.fc.bias has"):
        assert part in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\xff" * 100])
def test_a_damaged_weights_file_is_refused(tmp_path: Path, content: bytes) -> None:
    write_tiny_model(tmp_path)
    (tmp_path / "generator.safetensors").write_bytes(content)
    with pytest.raises(WrongUse, match="not a readable safetensors file"):
        load_generator(tmp_path)


def test_a_checkpoint_without_weights_is_refused(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    (tmp_path / "generator.safetensors").unlink()
    with pytest.raises(WrongUse, match="the checkpoint is not complete"):
        load_generator(tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    with pytest.raises(WrongUse, match="torch sees no CUDA device"):
        load_generator(tmp_path, device="cuda")


def rewritten(folder: Path, **changes: object) -> Path:
    write_tiny_model(folder)
    tree = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**tree, **changes}))
    return folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"width": math.inf}}, "model.width: input should be a finite number"),
        ({"model": {"width": 1e9}}, "model.width: input should be less than or equal to 8"),
        ({"model": {"generator": {"speech_features": 10**9}}}, "speech_features: input should be"),
        ({"model": {"temporal": {"layers": 10**6}}}, "layers: input should be less than"),
        ({"emotions": []}, "emotions: tuple should have at least 1 item"),
        ({"emotions": ["a"] * 1000}, "emotions: tuple should have at most 64 items"),
        ({"emotions": ["\x1b[2J"]}, r"'\x1b[2J' holds characters that cannot be printed"),
        ({"emotions": ["\ud800"]}, "model.json: "),
        ({"speech_margin_frames": 10**9}, "speech_margin_frames: input should be less than"),
        ({"model": {"width": 8.0}}, "the weights do not fit the network of model.json"),
    ],
)
def test_a_description_beyond_its_bounds_is_refused_before_a_network_is_made(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    rewritten(tmp_path, **changes)
    before = begin_peak()
    with pytest.raises(WrongUse) as refusal:
        load_generator(tmp_path)
    assert message in str(refusal.value)
    assert peak() - before < 200 * 2**20


def test_a_description_met_in_the_field_is_one_message(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    data = shared_data("data/faults/hostile/model_width_inf.json").read_bytes()
    (tmp_path / "model.json").write_bytes(data)
    with pytest.raises(WrongUse, match=r"model\.json: "):
        load_generator(tmp_path)


@pytest.mark.parametrize("text", [b"", b"\xff", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"])
def test_a_description_that_is_no_json_is_one_message(tmp_path: Path, text: bytes) -> None:
    write_tiny_model(tmp_path)
    (tmp_path / "model.json").write_bytes(text)
    with pytest.raises(WrongUse, match="not JSON"):
        load_generator(tmp_path)


def test_weights_that_are_not_finite_make_no_video(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    path = tmp_path / "generator.safetensors"
    tensors = load_file(path)
    name = sorted(tensors)[3]
    tensors[name].view(-1)[0] = math.nan
    save_file(tensors, path)
    with pytest.raises(WrongUse, match=f"values that are not finite numbers in {name}"):
        load_generator(tmp_path)


@pytest.mark.parametrize("name", ["model.json", "generator.safetensors"])
def test_files_that_are_not_as_their_sums_say_are_refused(tmp_path: Path, name: str) -> None:
    write_tiny_model(tmp_path)
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in tmp_path.iterdir()
    ]
    (tmp_path / "SHA256SUMS").write_text("".join(sums))
    load_generator(tmp_path)
    data = bytearray((tmp_path / name).read_bytes())
    data[-3] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.raises(WrongUse, match=f"damaged: {name} not as written"):
        load_generator(tmp_path)
