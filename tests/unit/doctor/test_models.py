from pathlib import Path

import pytest

from emotalk.doctor import models
from emotalk.doctor.models import examine_checkpoint, examine_packs, examine_vgg19
from tests.helpers.shared import shared_data
from tests.helpers.tiny_model import write_tiny_model


def test_a_model_that_loads_is_ok_and_says_what_it_knows(tmp_path: Path) -> None:
    found = examine_checkpoint(write_tiny_model(tmp_path / "model"))
    assert found.state == "ok"
    assert "not recorded" in found.detail


def test_a_checkpoint_that_is_none_is_fatal(tmp_path: Path) -> None:
    found = examine_checkpoint(tmp_path / "nothing")
    assert found.is_fatal
    assert "nothing" in found.detail


def test_a_machine_without_packs_is_told_where_to_get_them(tmp_path: Path) -> None:
    noted = examine_packs(tmp_path / "none")
    assert noted.state == "note"
    assert "--root" in noted.remedy


def test_a_pack_that_finds_no_landmarks_is_named(tmp_path: Path) -> None:
    (tmp_path / "models/broken").mkdir(parents=True)
    (tmp_path / "models/broken/det.onnx").write_bytes(b"no model")
    noted = examine_packs(tmp_path / "models")
    assert noted.state == "note"
    assert "broken cannot be used" in noted.detail


def test_a_pack_that_works_is_ok() -> None:
    found = examine_packs(shared_data("data", "insightface", "models"))
    assert (found.state, found.detail.split()[0]) == ("ok", "faces68")


def test_missing_and_damaged_weights_are_told_from_whole_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vgg19.pth"
    assert "fetch vgg19" in examine_vgg19(path).remedy
    path.write_bytes(b"damaged")
    assert "another or a damaged file" in examine_vgg19(path).detail
    # sha256 of b"damaged", by coreutils' sha256sum
    monkeypatch.setattr(models, "VGG19_SHA256", "41f0c27c")
    assert examine_vgg19(path).state == "ok"
