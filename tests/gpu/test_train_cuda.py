"""Training on a GPU gives the numbers of the CPU, fast forms included, and saves what it had."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from emotalk.checkpoints.background_writer import BackgroundWriter
from emotalk.checkpoints.format import ModelFacts
from emotalk.checkpoints.snapshot import Snapshot
from emotalk.checkpoints.train_state import TrainState
from emotalk.config.model import ModelConfig
from emotalk.distributed.adam import OptimizerState
from emotalk.distributed.full_state import read_weights
from tests.helpers.tiny_training import EVERY_TRANSFORM, read_metrics, tiny_shards, tiny_yaml, train

FULL = ("losses.perceptual.network=random", "losses.perceptual.width=0.125")
PERCEPTUAL = (*FULL, "stages.gan.updates.0.losses.perceptual=1")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cuda")
    return tiny_yaml(folder, tiny_shards(folder / "shards"))


@pytest.fixture(scope="module")
def on_cpu(config: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, float]]:
    run_dir = tmp_path_factory.mktemp("runs") / "cpu"
    done = train(config, run_dir, *PERCEPTUAL)
    assert done.returncode == 0, done.stderr
    return read_metrics(run_dir)


CHANNELS_LAST = ("runtime.channels_last=true",)
BF16 = ("runtime.precision=bf16", *CHANNELS_LAST)
OLD_COMPILER = pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13),
    reason=f"torch {torch.__version__}: its compiler fails on this program, that of 2.13 does not",
)


@pytest.mark.parametrize(
    ("words", "tf32", "tolerance"),
    [
        pytest.param((), False, 1e-4, id="float32"),
        pytest.param(CHANNELS_LAST, False, 1e-4, id="channels_last"),
        pytest.param((), True, 2e-3, id="TF32"),
        pytest.param(BF16, True, 5e-2, id="bf16"),
        pytest.param(
            (*BF16, "runtime.compile=true"), True, 5e-2, id="bf16 compiled", marks=OLD_COMPILER
        ),
    ],
)
def test_every_loss_is_that_of_the_cpu(
    config: Path,
    on_cpu: list[dict[str, float]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    tf32: bool,
    tolerance: float,
) -> None:
    """For the two steps before Adam's first updates, which make of any rounding a whole step."""
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", str(int(tf32)))
    done = train(config, tmp_path / "run", *PERCEPTUAL, *words, device="cuda")
    assert done.returncode == 0, done.stderr
    for line, expected in zip(read_metrics(tmp_path / "run")[:2], on_cpu, strict=False):
        for name, value in expected.items():
            if not name.endswith("grad_norm"):
                assert line[name] == pytest.approx(value, rel=tolerance, abs=tolerance), name


def test_a_deterministic_run_goes_on_to_the_same_bits(config: Path, tmp_path: Path) -> None:
    run_dir, words = tmp_path / "run", (*PERCEPTUAL, *EVERY_TRANSFORM, "runtime.deterministic=true")
    done = train(config, run_dir, *words, device="cuda")
    assert done.returncode == 0, done.stderr
    whole = read_metrics(run_dir)
    newest = run_dir / "checkpoints/step-000006"
    for path in newest.iterdir():
        path.unlink()
    newest.rmdir()
    done = train(config, run_dir, *words, device="cuda")
    assert "continuing at step 4" in done.stderr, done.stderr
    assert read_metrics(run_dir) == whole
    status = json.loads((run_dir / "status.json").read_text(encoding="utf-8"))
    assert status["state"] == "done"


def test_a_snapshot_is_of_its_moment_though_training_goes_on(tmp_path: Path) -> None:
    network = nn.Linear(2048, 2048, bias=False).cuda()
    expected = network.weight.detach().cpu().clone()
    facts = ModelFacts(emotions=("neutral",), speech_margin_frames=0)
    saver = BackgroundWriter(tmp_path, ModelConfig(), facts, keep_last=1, written=lambda _: None)
    adam = {"generator": OptimizerState({}, {})}
    weights = read_weights(network)
    assert weights["weight"].is_cuda
    saver.begin(Snapshot(weights, None, None, adam, TrainState(step=1)), best_step=None)
    with torch.no_grad():
        for _ in range(50):
            network.weight.add_(1.0)
    saver.finish()
    saved = load_file(tmp_path / "step-000001/generator.safetensors")["weight"]
    assert torch.equal(saved, expected)
