"""ZeRO on a GPU gives the losses of plain training there; its speed is measured at full width."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.benchmarks.bench_step import CLIPS, PEAKS
from tests.helpers.tiny_training import ROOT, read_metrics, tiny_shards, tiny_yaml, train

Note = Callable[[str, object], None]
STAGES = [(0, 0), (1, 1), (2, 2), (3, 2)]
PLAIN = ("optim.ema=0", "stages.gan.iterations=3")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zero")
    return tiny_yaml(folder, tiny_shards(folder / "shards"))


@pytest.fixture(scope="module")
def plain(config: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, float]]:
    run_dir = tmp_path_factory.mktemp("runs") / "plain"
    done = train(config, run_dir, *PLAIN, device="cuda")
    assert done.returncode == 0, done.stderr
    return read_metrics(run_dir)


@pytest.mark.parametrize("stages", STAGES, ids=lambda pair: f"ZeRO-{pair[0]}+{pair[1]}")
def test_zero_gives_the_losses_of_plain_training(
    stages: tuple[int, int],
    config: Path,
    plain: list[dict[str, float]],
    tmp_path: Path,
    record_property: Note,
) -> None:
    words = [
        f"runtime.deepspeed.{name}={ROOT}/launch/deepspeed/zero{stage}.json"
        for name, stage in zip(("generator", "discriminators"), stages, strict=True)
    ]
    processes = torch.cuda.device_count() if torch.cuda.device_count() in (2, 4) else 1
    done = train(
        config, tmp_path / "run", *PLAIN, "runtime.engine=deepspeed", *words,
        processes=processes, device="cuda",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for ours, theirs in zip(read_metrics(tmp_path / "run"), plain, strict=True):
        for name, value in theirs.items():
            if not name.endswith("grad_norm"):
                assert ours[name] == pytest.approx(value, rel=1e-2, abs=1e-3), name
    record_property("zero", "+".join(map(str, stages)))


def test_the_speed_of_a_full_step_is_measured(record_property: Note) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.bench_step", "--device", "cuda"]
    command += ["--precision", "bf16", "--channels-last", "--repeats", "5", "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=1200
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["loss_difference"] <= 1
    peak = next((v for k, v in PEAKS.items() if k in torch.cuda.get_device_name()), None)
    used = None if peak is None else figures["model_flops"] / figures["fast"] / (peak * 1e12)
    record_property("clips_per_s", CLIPS / figures["fast"])
    record_property("mfu", used)
