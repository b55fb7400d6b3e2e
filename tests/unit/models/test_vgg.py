"""The perceptual loss's network: torchvision's layout, its files, its input."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from emotalk.errors import WrongUse
from emotalk.models.vgg import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    POOLINGS,
    random_vgg19,
    read_vgg19,
    trained_vgg19,
)

THIN = (2, 3, 4, 5, 6)
# Positions of the 16 convolutions in torchvision's vgg19().features.
CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)


def plain_features(state: dict[str, Tensor], h: Tensor) -> list[Tensor]:
    maps = []
    for layer in range(POOLINGS[-1] + 1):
        if layer in POOLINGS:
            h = F.max_pool2d(h, 2)
            maps.append(h)
        elif layer in CONVOLUTIONS:
            name = f"features.{layer}"
            h = F.relu(F.conv2d(h, state[f"{name}.weight"], state[f"{name}.bias"], padding=1))
    return maps


def test_keys_and_shapes_are_torchvisions() -> None:
    state = random_vgg19(0).state_dict()
    assert list(state) == [f"features.{n}.{p}" for n in CONVOLUTIONS for p in ("weight", "bias")]
    assert sum(value.numel() for value in state.values()) == 20_024_384  # vgg19's convolutions


def test_features_are_those_of_standardised_rgb_frames() -> None:
    network = random_vgg19(1, channels=THIN)
    frames = torch.rand(2, 3, 64, 32) * 2 - 1
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    expected = plain_features(network.state_dict(), ((frames + 1) / 2 - mean) / std)
    for ours, plain in zip(network(frames), expected, strict=True):
        torch.testing.assert_close(ours, plain)
    assert [tuple(m.shape[1:]) for m in expected][-1] == (6, 2, 1)


def test_the_originals_variant_gets_bgr_without_statistics() -> None:
    network = random_vgg19(1, statistics="none", order="bgr", channels=THIN)
    frames = torch.rand(1, 3, 32, 32) * 2 - 1
    expected = plain_features(network.state_dict(), frames[:, [2, 1, 0]])
    for ours, plain in zip(network(frames), expected, strict=True):
        torch.testing.assert_close(ours, plain)


def test_it_stays_frozen_and_in_evaluation_but_lets_gradients_reach_the_frames() -> None:
    network = random_vgg19(2, channels=THIN).train()
    frames = torch.rand(1, 3, 32, 32, requires_grad=True)
    torch.autograd.backward(torch.stack([m.sum() for m in network(frames)]).sum())
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert frames.grad is not None
    assert frames.grad.abs().sum() > 0


def test_random_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(0)
    first = random_vgg19(5, channels=THIN).state_dict()
    torch.manual_seed(1)
    again, other = random_vgg19(5, channels=THIN), random_vgg19(6, channels=THIN)
    torch.testing.assert_close(again.state_dict(), first, atol=0, rtol=0)
    assert not torch.equal(other.state_dict()["features.0.weight"], first["features.0.weight"])


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_weights_file_is_loaded_and_its_classifier_passed_over(
    tmp_path: Path, suffix: str
) -> None:
    network = random_vgg19(7)
    state = network.state_dict() | {"classifier.0.bias": torch.zeros(3)}
    path = tmp_path / f"vgg19{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    loaded = trained_vgg19(read_vgg19(path), statistics="none", order="bgr")
    torch.testing.assert_close(loaded.state_dict(), network.state_dict(), atol=0, rtol=0)
    assert loaded.order == "bgr"


def test_a_missing_file_is_named_with_its_source_and_the_alternatives(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"vgg19-dcbb9e9d\.pth") as error:
        read_vgg19(tmp_path / "nowhere.pth")
    for part in ("nowhere.pth", "IMAGENET1K_V1", "losses.perceptual.network: random", "none"):
        assert part in str(error.value)


def test_a_file_of_another_network_names_the_keys_at_fault(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    state = random_vgg19(0, channels=THIN).state_dict()
    state["head.weight"] = state.pop("features.34.bias")
    save_file(state, path)
    with pytest.raises(WrongUse, match=r"features.34.bias is missing; head.weight is unknown"):
        read_vgg19(path)


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"features.0.weight": print}, path)
    with pytest.raises(WrongUse, match="not a file of tensors"):
        read_vgg19(path)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="statistics: got 'cifar', allowed are imagenet, none"):
        random_vgg19(0, statistics="cifar")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="channels: got"):
        random_vgg19(0, channels=(1, 2))
    with pytest.raises(ValueError, match="at least 32 x 32"):
        random_vgg19(0, channels=THIN)(torch.rand(1, 3, 16, 32))


def test_a_file_larger_than_vgg19_can_be_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "huge.pth"
    with path.open("wb") as file:
        file.truncate(2 * 10**9)  # a hole: no disk is used
    with pytest.raises(WrongUse, match="2000000000 bytes"):
        read_vgg19(path)


@pytest.mark.parametrize(
    "content", [b"\x80\x02}q\x00.", b"\x80\x02K\x01.", b"PK\x03\x04", b"(dp0\n."]
)
def test_bytes_that_are_no_file_of_tensors_are_wrong_use(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.pth"
    path.write_bytes(content)
    with pytest.raises(WrongUse, match=r"odd\.pth"):
        read_vgg19(path)
