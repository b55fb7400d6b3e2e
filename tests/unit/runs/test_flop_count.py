"""Operations are counted as on paper, forward and backward."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from emotalk.config.load import dump_config
from emotalk.runs import flop_count
from emotalk.runs.flop_count import FlopCount, count_flops
from tests.helpers.tiny_training import ROOT, tiny_config


def test_a_matrix_product_costs_two_operations_for_each_factor() -> None:
    with FlopCount() as counted:
        torch.zeros(3, 5) @ torch.zeros(5, 7)
    assert counted.flops == 2 * 3 * 5 * 7


def test_a_convolution_and_its_backward_pass_cost_three_times_its_forward_pass() -> None:
    """3x3 kernels, 4 -> 8 channels, 10x10 outputs; gradients of inputs and of weights."""
    conv = nn.Conv2d(4, 8, 3, bias=False)
    x_BCHW = torch.zeros(2, 4, 12, 12, requires_grad=True)
    with FlopCount() as counted:
        conv(x_BCHW).sum().backward()
    forward = 2 * (2 * 8 * 10 * 10) * (4 * 3 * 3)
    assert counted.flops == 3 * forward


@pytest.mark.parametrize(("frames", "share", "compared"), [(3, 1, 3), (10, 0.25, 2)])
def test_short_clips_tell_what_a_clip_of_any_length_costs(
    tmp_path: Path, frames: int, share: float, compared: int
) -> None:
    words = [f"data.frames={frames}", "data.preceding_speech=0.5"]
    words += ["losses.perceptual.network=random", f"losses.perceptual.frames={share}"]
    words += ["losses.perceptual.width=0.04", "stages.gan.updates.0.losses.perceptual=1"]
    config = tiny_config(tmp_path, *words)
    whole = flop_count._count(config, frames, compared)
    assert count_flops(config) == pytest.approx(whole, rel=1e-9)


def test_an_lstm_is_counted(tmp_path: Path) -> None:
    """Four gates of 6 from an input of 5 and a state of 6, three steps, batch 2."""
    with torch.backends.mkldnn.flags(enabled=False):
        lstm = nn.LSTM(5, 6, batch_first=True)
        with FlopCount() as counted, torch.no_grad():
            lstm(torch.zeros(2, 3, 5))
    assert counted.flops == 2 * (2 * 3) * (4 * 6) * (5 + 6)


def test_the_command_prints_each_stage(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "data.frames=2")
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(config), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "emotalk.runs.flop_count", str(path)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == pytest.approx(count_flops(config))
    assert set(json.loads(done.stdout)) == {"emotion", "gan"}
