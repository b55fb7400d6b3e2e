"""A path that a user gives leads to one model folder, or is refused with the reason."""

from pathlib import Path

import pytest
import torch

from emotalk.checkpoints.find_model import find_model
from emotalk.checkpoints.format import read_generator
from emotalk.checkpoints.load import load_generator
from emotalk.errors import WrongUse
from tests.helpers.tiny_model import write_tiny_model


def run_folder(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    write_tiny_model(run / "checkpoints" / "step-000010", seed=1)
    write_tiny_model(run / "checkpoints" / "step-000020", seed=2)
    return run


def test_a_run_folder_leads_to_its_latest_checkpoint_by_text(tmp_path: Path) -> None:
    run = run_folder(tmp_path)
    (run / "checkpoints" / "latest").write_text("step-000020\n", "utf-8")
    assert find_model(run) == run / "checkpoints" / "step-000020"


def test_a_run_folder_leads_to_its_latest_checkpoint_by_link(tmp_path: Path) -> None:
    run = run_folder(tmp_path)
    (run / "checkpoints" / "latest").symlink_to("step-000010")
    assert find_model(run).resolve() == (run / "checkpoints" / "step-000010").resolve()
    assert find_model(run / "checkpoints").resolve() == find_model(run).resolve()


def test_a_checkpoint_may_be_named_itself(tmp_path: Path) -> None:
    run = run_folder(tmp_path)
    folder = run / "checkpoints" / "step-000010"
    assert find_model(folder) == folder


def test_a_latest_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    run = run_folder(tmp_path)
    (run / "checkpoints" / "latest").write_text("step-000030", "utf-8")
    with pytest.raises(WrongUse, match=r"latest: points to .*step-000030"):
        find_model(run)


@pytest.mark.parametrize("pointer", ["latest", "best"])
def test_the_text_files_latest_and_best_are_followed(tmp_path: Path, pointer: str) -> None:
    checkpoints = run_folder(tmp_path) / "checkpoints"
    (checkpoints / pointer).write_text("step-000010\n", "utf-8")
    assert find_model(checkpoints / pointer) == checkpoints / "step-000010"
    expected = read_generator(checkpoints / "step-000010")
    torch.testing.assert_close(
        load_generator(checkpoints / pointer).generator.state_dict(), expected
    )


def test_a_best_that_no_validation_found_is_said_so(tmp_path: Path) -> None:
    run = run_folder(tmp_path)
    with pytest.raises(WrongUse, match=r"best: this run has kept no best .*keep_best.*latest"):
        find_model(run / "checkpoints" / "best")


@pytest.mark.parametrize(
    "text",
    ["../../elsewhere", "/etc", "..", ".", "", "a\0b", "step-000010/../..", "x" * 5000, "\xff"],
)
@pytest.mark.parametrize("direct", [True, False])
def test_a_latest_that_leads_out_of_its_folder_is_refused(
    tmp_path: Path, text: str, direct: bool
) -> None:
    run = run_folder(tmp_path)
    write_tiny_model(tmp_path / "elsewhere", seed=3)
    latest = run / "checkpoints" / "latest"
    latest.write_text(text, "latin-1")
    with pytest.raises(WrongUse, match=r"latest: (holds .* not the name|points to)"):
        find_model(latest if direct else run)


def test_a_link_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    run = run_folder(tmp_path)
    write_tiny_model(tmp_path / "elsewhere", seed=3)
    (run / "checkpoints" / "latest").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WrongUse, match="out of its folder"):
        find_model(run)


def test_a_run_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(WrongUse, match="has reached its first checkpoint"):
        find_model(tmp_path)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no such checkpoint"):
        find_model(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["generator.pt", "model.pth", "weights.bin", "last.ckpt"])
def test_a_pickle_is_never_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04")
    with pytest.raises(WrongUse, match="pickled weights are never loaded"):
        find_model(tmp_path / name)
