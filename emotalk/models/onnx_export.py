"""Export the streaming generator to two ONNX files, for runtimes without PyTorch."""

from pathlib import Path

import torch

from emotalk.models.generator import Generator
from emotalk.models.streaming_program import export_stream

CONDITION_FILE = "condition.onnx"
STREAM_FILE = "stream.onnx"


def export_onnx(
    generator: Generator, folder: Path, *, clips: int = 1, frames: int = 1
) -> tuple[Path, Path]:
    """Write the condition and the stream program to an existing folder and return their paths.

    Inputs and outputs are those of `ConditionProgram` and `StreamProgram`, their tuples flattened
    in order: the stream's outputs after the video are the state's inputs of the next call. The
    files hold the weights.

    Args:
        generator: provides the weights.
        folder: files of the same names are replaced.
        clips: clips in a batch, B.
        frames: of speech and video in each call: 1, 2 or 4.

    Raises:
        ImportError: the package onnxscript is missing; install `emotalk[onnx]`.
    """
    paths = (folder / CONDITION_FILE, folder / STREAM_FILE)
    programs = export_stream(generator, clips=clips, frames=frames)
    for program, path in zip(programs, paths, strict=True):
        torch.onnx.export(program, (), path, dynamo=True, external_data=False, verbose=False)
    return paths
