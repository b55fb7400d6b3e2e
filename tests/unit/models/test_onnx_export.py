"""The ONNX programs, run by ONNX Runtime, give the generator's frames."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.utils import _pytree as pytree

from emotalk.models.onnx_export import export_onnx
from emotalk.models.speech_stream import DELAY, UNKNOWN_LENGTH
from emotalk.models.streaming_program import ConditionProgram, StreamProgram
from tests.helpers.generators import ORIGINAL, small_generator, whole_utterance

FRAMES = 7


@pytest.mark.parametrize(
    "arguments",
    [{}, ORIGINAL, {"speech_activation": "log_power"}],
    ids=["paper", "eskimez2021", "log_power"],
)
@torch.no_grad()
def test_onnx_runtime_gives_the_same_frames(arguments: dict[str, object], tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="pip install emotalk[onnx] to export to ONNX")
    import onnxruntime

    generator = small_generator(**arguments)
    image, speech, emotion, noise = whole_utterance(generator, clips=1, samples=320 * FRAMES - 33)
    whole, _ = generator(image, speech, emotion, noise)
    condition, stream = (
        onnxruntime.InferenceSession(path) for path in export_onnx(generator, tmp_path)
    )
    maps = condition.run(None, {condition.get_inputs()[0].name: image.numpy()})
    example = StreamProgram(generator).example_inputs(ConditionProgram(generator)(image))
    state = [leaf.numpy() for leaf in pytree.tree_leaves(example[-1])]
    names = [given.name for given in stream.get_inputs()]
    speech_BS = F.pad(speech, (0, 33 + DELAY * 320)).numpy()
    noise_BTD = F.pad(noise, (0, 0, DELAY, 0)).numpy()
    videos = []
    for t in range(FRAMES + DELAY):
        samples = np.array(speech.shape[1] if t + 1 >= FRAMES else UNKNOWN_LENGTH)
        piece = speech_BS[:, t * 320 : (t + 1) * 320]
        inputs = [piece, samples, emotion.numpy(), noise_BTD[:, t : t + 1], *maps, *state]
        video, *state = stream.run(None, dict(zip(names, inputs, strict=True)))
        videos.append(torch.from_numpy(video))
    torch.testing.assert_close(torch.cat(videos, 1)[:, DELAY:], whole, atol=1e-5, rtol=0)
