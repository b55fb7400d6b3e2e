"""VGG-19's weights: where they lie, what is checked, what is said without a network."""

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emotalk import fetch
from emotalk.cli import cli
from emotalk.config.losses import vgg19_file
from emotalk.errors import Stopped, WrongUse
from emotalk.fetch import fetch_vgg19

NOBODY = "http://127.0.0.1:9/vgg19-dcbb9e9d.pth"


@pytest.fixture
def right(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return bytes that count as the right file; nobody serves them."""
    content = b"the weights"
    monkeypatch.setattr(fetch, "VGG19_SHA256", hashlib.sha256(content).hexdigest()[:8])
    monkeypatch.setattr(fetch, "VGG19_URL", NOBODY)
    monkeypatch.setattr("emotalk.media.download.PAUSE_S", 0)
    monkeypatch.setattr("emotalk.media.download.TRIES", 1)
    return content


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"TORCH_HOME": "/t"}, "/t/hub/checkpoints"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/torch/hub/checkpoints"),
        ({"HOME": "/home/me"}, "/home/me/.cache/torch/hub/checkpoints"),
    ],
)
def test_the_file_lies_where_torch_keeps_such_files(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], folder: str
) -> None:
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert vgg19_file() == Path(folder) / "vgg19-dcbb9e9d.pth"
    import torch

    assert str(vgg19_file().parents[1]) == torch.hub.get_dir()


def test_a_right_file_is_only_checked(right: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(right)
    assert fetch_vgg19(tmp_path / "file") == tmp_path / "file"


def test_another_file_at_the_place_is_left_alone(right: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"my thesis")
    with pytest.raises(WrongUse, match="nothing is overwritten"):
        fetch_vgg19(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"my thesis"


def test_without_a_network_the_file_and_its_place_are_named(right: bytes, tmp_path: Path) -> None:
    with pytest.raises(Stopped) as error:
        fetch_vgg19(tmp_path / "file")
    for part in ("vgg19-dcbb9e9d.pth", NOBODY, str(tmp_path / "file"), "run the command again"):
        assert part in str(error.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="is a folder"):
        fetch_vgg19(tmp_path)


def test_the_command_says_what_to_train_with(right: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(right)
    done = CliRunner().invoke(cli, ["fetch", "vgg19", "--output", str(tmp_path / "file")])
    assert done.exit_code == 0
    assert f"losses.perceptual.weights={tmp_path / 'file'}" in done.output


def test_the_address_and_the_hash_are_torchvisions() -> None:
    assert fetch.VGG19_URL == "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
    assert fetch.VGG19_SHA256 == "dcbb9e9d"
