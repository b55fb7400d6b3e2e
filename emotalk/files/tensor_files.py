"""Read and write safetensors files; names, types and shapes are checked before allocation."""

import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from emotalk.printable import printable, quoted

Shapes = Mapping[str, tuple[int, ...]]
REAL = ("F64", "F32", "F16", "BF16")
SHOWN = 5
SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")  # in a message of safetensors


def read_tensors(path: Path, wanted: Shapes | None = None) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, all of them finite real numbers.

    Args:
        path: the file.
        wanted: names and shapes it must hold, neither more nor less; None: any.

    Raises:
        OSError: it is missing or cannot be read.
        ValueError: not a safetensors file, other kinds of numbers, other names or shapes, or
            values that are not finite; the message names
            tensors of each kind.
    """
    shapes = tensor_shapes(path)
    if wanted is not None:
        compare_shapes(wanted, shapes)
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except safetensors.SafetensorError as error:
        raise ValueError(f"not a readable safetensors file: {error}") from None
    unfit = [name for name, value in tensors.items() if not bool(torch.isfinite(value).all())]
    if unfit:
        raise ValueError(f"values that are not finite numbers in {_listed(unfit)}")
    return tensors


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return name -> shape by the file's header alone.

    Raises:
        OSError: it is missing or cannot be read.
        ValueError: not a safetensors file, or tensors of other than real numbers.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("not a file but a folder, pipe or device")
    try:
        with safetensors.safe_open(path, "pt") as stored:
            parts = {name: stored.get_slice(name) for name in stored.keys()}  # noqa: SIM118
            kinds = {name: str(part.get_dtype()) for name, part in parts.items()}
            shapes = {name: tuple(part.get_shape()) for name, part in parts.items()}
    except (safetensors.SafetensorError, OverflowError) as error:
        raise ValueError(f"not a readable safetensors file: {error}") from None
    other = [name for name, kind in kinds.items() if kind not in REAL]
    if other:
        raise ValueError(f"{_listed(other)}: {kinds[other[0]]}, expected one of {', '.join(REAL)}")
    return shapes


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of tensors in memory."""
    return {name: tuple(value.shape) for name, value in tensors.items()}


def compare_shapes(wanted: Shapes, found: Shapes) -> None:
    """Compare the shapes of a file with those that are needed.

    Raises:
        ValueError: names are missing or unknown, or shapes differ; the message names
            tensors of each kind.
    """
    missing = [f"{name} is missing" for name in wanted if name not in found]
    unknown = [f"{printable(name)} is unknown" for name in found if name not in wanted]
    misshapen = [
        f"{name} has shape {quoted(found[name])}, expected {shape}"
        for name, shape in wanted.items()
        if name in found and found[name] != shape
    ]
    faults = [fault for kind in (missing, unknown, misshapen) for fault in kind[:SHOWN]]
    if faults:
        left = len(missing) + len(unknown) + len(misshapen) - len(faults)
        raise ValueError("; ".join(faults) + (f" and {left} more" if left else ""))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(printable(name) for name in names[:SHOWN]) + more


def write_tensors(
    tensors: Mapping[str, Tensor], path: Path, *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file with the rights that the user's umask gives.

    The library itself lets the owner alone read it.

    Raises:
        OSError: the disk is full or failed. The library has an error of its own for it, which
            holds the system's number as text.
    """
    try:
        save_file(dict(tensors), path, metadata=None if metadata is None else dict(metadata))
    except safetensors.SafetensorError as error:
        found = SYSTEM_ERROR.search(str(error))
        if found is None:
            raise
        number = int(found[1])
        raise OSError(number, os.strerror(number), str(path)) from error
    with suppress(OSError):  # a file system without such rights
        path.chmod(0o666 & ~_umask())


def _umask() -> int:
    """Return the process's mask; asking the system by `os.umask` would change it for threads."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
