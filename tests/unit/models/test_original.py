"""Files of the original are read for their tensors alone, and wrong ones are named."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from emotalk.errors import WrongUse
from emotalk.models import Generator
from emotalk.models.original import original_name, read_original
from tests.helpers.generators import ORIGINAL, small_generator, whole_utterance
from tests.helpers.original import save_as_original


def original_state(**arguments: Any) -> dict[str, Tensor]:
    """Return a small generator's weights under the original's names."""
    state = small_generator(**{**ORIGINAL, **arguments}).state_dict()
    return {original_name("generator", name): value for name, value in state.items()}


@pytest.mark.parametrize("prefix", ["", "module."])
@torch.no_grad()
def test_sizes_are_read_from_the_tensors(tmp_path: Path, prefix: str) -> None:
    generator = small_generator(**ORIGINAL, output_filters=24, emotions=8)
    state = original_state(output_filters=24, emotions=8)
    torch.save({prefix + name: value for name, value in state.items()}, tmp_path / "generator.pt")
    network = read_original(tmp_path / "generator.pt")
    assert network.kind == "generator"
    assert network.arguments["filters"] == (8, 16, 32, 64, 64)
    assert network.arguments["emotions"] == 8
    rebuilt = Generator(**network.arguments).eval()
    rebuilt.load_state_dict(network.state)
    inputs = whole_utterance(generator, clips=1, samples=640)
    torch.testing.assert_close(rebuilt(*inputs).video_BTCHW, generator(*inputs).video_BTCHW)


def test_a_wrong_file_is_told_what_is_missing_unexpected_and_misshaped(tmp_path: Path) -> None:
    state = original_state()
    del state["decoder.fc_1.0.bias"]
    state["decoder.extra"] = torch.zeros(1)
    state["decoder.conv_3.1.weight"] = torch.zeros(16, 9, 3, 3)
    path = save_as_original(state, tmp_path / "generator.pt")
    with pytest.raises(WrongUse) as fault:
        read_original(path)
    message = str(fault.value)
    assert "decoder.fc_1.0.bias is missing;" in message
    assert "decoder.extra is unknown;" in message
    assert "decoder.conv_3.1.weight has shape (16, 9, 3, 3), expected (16, 67, 3, 3)" in message


class Payload:
    """What a malicious file would hold."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.target,)


def test_code_in_a_file_is_never_run(tmp_path: Path) -> None:
    torch.save({"module.decoder.fc_1.0.bias": Payload(tmp_path / "ran")}, tmp_path / "evil.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    for name in ("evil.pt", "plain.pt"):
        with pytest.raises(WrongUse, match="not a file of tensors"):
            read_original(tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04broken"])
def test_what_is_no_file_of_tensors_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "generator.pt"
    path.write_bytes(content)
    with pytest.raises(WrongUse, match=r"generator\.pt: not a file of tensors"):
        read_original(path)


def test_a_list_of_tensors_is_no_network(tmp_path: Path) -> None:
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    with pytest.raises(WrongUse, match="holds list, expected a state_dict"):
        read_original(tmp_path / "list.pt")
    with pytest.raises(WrongUse, match="cannot be read"):
        read_original(tmp_path / "absent.pt")


@torch.no_grad()
def test_weights_for_bgr_pictures_serve_rgb_ones(tmp_path: Path) -> None:
    path = save_as_original(original_state(), tmp_path / "generator.pt")
    as_stored, turned = (
        Generator(**network.arguments).eval()
        for network in (read_original(path), read_original(path, channel_order="bgr"))
    )
    as_stored.load_state_dict(read_original(path).state)
    turned.load_state_dict(read_original(path, channel_order="bgr").state)
    image, *rest = whole_utterance(as_stored, clips=2, samples=960)
    expected = as_stored(image.flip(1), *rest).video_BTCHW.flip(2)
    torch.testing.assert_close(turned(image, *rest).video_BTCHW, expected, atol=1e-5, rtol=0)
