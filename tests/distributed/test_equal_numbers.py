"""One process or several, whole batches or micro-batches, DDP or DeepSpeed: the same losses."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.helpers.tiny_training import read_metrics, tiny_shards, tiny_yaml, train

pytestmark = pytest.mark.distributed
OPTIONS = ("optim.eps=1e-6", "stages.emotion.iterations=0", "stages.gan.iterations=6")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distributed")
    return tiny_yaml(folder, tiny_shards(folder / "shards"))


@pytest.fixture(scope="module")
def alone(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("runs") / "alone"
    done = train(config, run_dir, *OPTIONS, "checkpoint.keep_last=9")
    assert done.returncode == 0, done.stderr
    return run_dir


def _zero(folder: Path, stage: int) -> Path:
    path = folder / f"zero{stage}.json"
    path.write_text(json.dumps({"zero_optimization": {"stage": stage}}))
    return path


def _compare(run_dir: Path, alone: Path) -> None:
    ours, theirs = read_metrics(run_dir), read_metrics(alone)
    assert len(ours) == len(theirs)
    for line, expected in zip(ours, theirs, strict=True):
        losses = {k: v for k, v in expected.items() if "grad_norm" not in k}
        assert {k: line[k] for k in losses} == pytest.approx(losses, rel=1e-4, abs=1e-5)
    for name in ("generator", "discriminators"):
        first = load_file(alone / f"checkpoints/step-000006/{name}.safetensors")
        second = load_file(run_dir / f"checkpoints/step-000006/{name}.safetensors")
        start = load_file(alone / f"checkpoints/step-000002/{name}.safetensors")
        apart = _norm({key: value - second[key] for key, value in first.items()})
        assert apart <= 0.01 * _norm({key: value - start[key] for key, value in first.items()})


def _norm(tensors: dict[str, torch.Tensor]) -> float:
    return float(torch.stack([value.square().sum() for value in tensors.values()]).sum().sqrt())


@pytest.mark.parametrize(
    ("processes", "overrides"),
    [
        pytest.param(2, [], id="two processes"),
        pytest.param(1, ["runtime.accumulate=2"], id="two micro-batches", marks=pytest.mark.slow),
        pytest.param(2, ["runtime.accumulate=2"], id="both", marks=pytest.mark.slow),
    ],
)
def test_ddp_and_accumulation_change_no_number(
    config: Path, alone: Path, tmp_path: Path, processes: int, overrides: list[str]
) -> None:
    keep = "checkpoint.keep_last=9"
    done = train(config, tmp_path / "run", *OPTIONS, keep, *overrides, processes=processes)
    assert done.returncode == 0, done.stderr
    _compare(tmp_path / "run", alone)


@pytest.mark.parametrize(
    "stages",
    [
        pytest.param((1, 1), id="ZeRO-1", marks=pytest.mark.slow),
        pytest.param((2, 2), id="ZeRO-2"),
        pytest.param((3, 2), id="ZeRO-3+2", marks=pytest.mark.slow),
    ],
)
def test_deepspeed_changes_no_number(
    config: Path, alone: Path, tmp_path: Path, stages: tuple[int, int]
) -> None:
    generator, discriminators = (_zero(tmp_path, stage) for stage in stages)
    done = train(
        config,
        tmp_path / "run",
        *OPTIONS,
        "runtime.engine=deepspeed",
        f"runtime.deepspeed.generator={generator}",
        f"runtime.deepspeed.discriminators={discriminators}",
        "optim.ema=0" if stages[0] == 3 else "optim.ema=0.9",
        processes=2,
    )
    assert done.returncode == 0, done.stderr
    _compare(tmp_path / "run", alone)
