"""The streaming generator as two ONNX files, for runtimes without PyTorch."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from emotalk.models.streaming_program import export_stream

if TYPE_CHECKING:
    from emotalk.models.generator import Generator

CONDITION_FILE = "condition.onnx"
STREAM_FILE = "stream.onnx"


def export_onnx(
    generator: "Generator", folder: Path, *, clips: int = 1, frames: int = 1
) -> tuple[Path, Path]:
    """Return the paths of the condition and the stream program, written to an existing folder.

    Inputs and outputs are those of `ConditionProgram` and `StreamProgram`, their tuples flattened
    in order: what the stream returns after the video is its next state's inputs, one to one. The
    weights stand in the files, the kernels in both forms.

    Args:
        generator: whose weights they hold.
        folder: where to write; files of the same names are replaced.
        clips: clips that run together, B.
        frames: of speech and video a call: 1, 2 or 4.

    Raises:
        ImportError: the package onnxscript is missing; `pip install emotalk[onnx]` brings it.
    """
    paths = (folder / CONDITION_FILE, folder / STREAM_FILE)
    programs = export_stream(generator, clips=clips, frames=frames)
    for program, path in zip(programs, paths, strict=True):
        torch.onnx.export(program, (), path, dynamo=True, external_data=False, verbose=False)
    return paths
