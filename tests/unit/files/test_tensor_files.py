"""Weights from somebody else, by their header before by their numbers."""

import json
import math
import os
import stat
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from emotalk.files.tensor_files import (
    compare_shapes,
    read_tensors,
    shapes_of,
    tensor_shapes,
    write_tensors,
)


def test_shapes_and_numbers_come_back(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4, dtype=torch.bfloat16)}
    save_file(tensors, tmp_path / "x")
    assert tensor_shapes(tmp_path / "x") == {"a": (2, 3), "b": (4,)}
    found = read_tensors(tmp_path / "x", {"a": (2, 3), "b": (4,)})
    assert all(torch.equal(found[name], value) for name, value in tensors.items())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused_by_name(tmp_path: Path, value: float) -> None:
    weights = torch.zeros(3, 3)
    weights[1, 2] = value
    save_file({"fine": torch.zeros(2), "spoilt": weights}, tmp_path / "x")
    with pytest.raises(ValueError, match="not finite numbers in spoilt"):
        read_tensors(tmp_path / "x")


@pytest.mark.parametrize("kind", [torch.int64, torch.uint8, torch.bool])
def test_other_kinds_of_numbers_are_refused(tmp_path: Path, kind: torch.dtype) -> None:
    save_file({"a": torch.zeros(2, dtype=kind)}, tmp_path / "x")
    with pytest.raises(ValueError, match=r"a: .*, expected one of F64"):
        read_tensors(tmp_path / "x")


def test_shapes_are_compared_before_numbers_are_read(tmp_path: Path) -> None:
    save_file({"a": torch.full((2,), math.nan)}, tmp_path / "x")
    with pytest.raises(ValueError, match=r"b is missing; a has shape \(2,\), expected \(3,\)"):
        read_tensors(tmp_path / "x", {"a": (3,), "b": (1,)})
    compare_shapes({"a": (2,)}, {"a": (2,)})


def test_tensors_that_do_not_fit_are_all_named() -> None:
    wanted = {"a": (2, 3), "b": (4,), "c": (1,)}
    given = {"a": torch.zeros(3, 2), "c": torch.zeros(1), "d": torch.zeros(1)}
    message = r"b is missing; d is unknown; a has shape \(3, 2\), expected \(2, 3\)"
    with pytest.raises(ValueError, match=message):
        compare_shapes(wanted, shapes_of(given))


def header(**entries: object) -> bytes:
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "data",
    [
        b"", b"garbage", b"\xff" * 8, (2**62).to_bytes(8, "little") + b"{}",
        header(a={"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}),
        header(a={"dtype": "F32", "shape": [2**63, 2], "data_offsets": [0, 8]}),
        header(a={"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}),
        header(a={"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}),
        header(a={"dtype": "X", "shape": [1], "data_offsets": [0, 4]}),
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_safetensors_file_is_refused_at_its_header(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ValueError, match="not a readable safetensors file"):
        read_tensors(tmp_path / "x")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    with pytest.raises(ValueError, match="pipe or device"):
        read_tensors(tmp_path / "x")


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_weights_may_be_read_by_whom_the_umask_allows(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_tensors({"a": torch.zeros(2)}, tmp_path / "w.safetensors")
        (tmp_path / "other").touch()
    finally:
        os.umask(before)
    found = [stat.S_IMODE((tmp_path / n).stat().st_mode) for n in ("w.safetensors", "other")]
    assert found == [mode, mode]


def test_nothing_else_writes_weights() -> None:
    root = Path(__file__).parents[3]
    files = [*root.glob("emotalk/**/*.py"), *root.glob("etl/**/*.py")]
    writers = [file.name for file in files if "save_file(" in file.read_text(encoding="utf-8")]
    assert writers == ["tensor_files.py"]


def test_each_kind_of_misfit_is_named_however_many_there_are_of_another() -> None:
    wanted: dict[str, tuple[int, ...]] = {f"layer{number}.weight": (2,) for number in range(9)}
    with pytest.raises(ValueError, match=r"layer4\.weight is missing; ") as raised:
        compare_shapes({**wanted, "bias": (3,)}, {"strange": (1,), "bias": (4,)})
    assert "strange is unknown; bias has shape (4,), expected (3,)" in str(raised.value)
    assert str(raised.value).endswith(" and 4 more")
