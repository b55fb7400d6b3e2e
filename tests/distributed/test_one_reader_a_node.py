"""One process of each node reads what all of them need; the others get it from that one."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from emotalk.models.vgg import VGG19Features
from tests.helpers.run_to_end import run_to_end
from tests.helpers.tiny_training import ROOT, read_metrics, tiny_shards, tiny_yaml, train
from tests.helpers.train_and_record import LOOKED

pytestmark = pytest.mark.distributed
WEIGHTS = ("generator", "generator_ema", "discriminators")
MOMENTS = ("generator_optimizer", "discriminators_optimizer")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("node")
    return tiny_yaml(folder, tiny_shards(folder / "shards"))


@pytest.fixture(scope="module")
def finished(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of six steps by two processes, with checkpoints of steps 4 and 6."""
    run_dir = tmp_path_factory.mktemp("runs") / "run"
    done = train(config, run_dir, processes=2)
    assert done.returncode == 0, done.stderr
    return run_dir


def torchrun(processes: int, module: str, *words: str) -> subprocess.CompletedProcess[str]:
    rendezvous = ("--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0")
    launcher = ("torch.distributed.run", "--nproc-per-node", str(processes), *rendezvous)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    return run_to_end(
        [sys.executable, "-m", *launcher, "-m", module, *words],
        environment, cwd=ROOT,
    )  # fmt: skip


def recorded(out: Path, config: Path, run_dir: Path, *words: str) -> list[list[Path]]:
    """Train with two processes; return the files that each of them opened."""
    out.mkdir()
    fixed = (f"run_dir={run_dir}", "runtime.processes=2")
    done = torchrun(2, "tests.helpers.train_and_record", str(out), str(config), *fixed, *words)
    assert done.returncode == 0, done.stderr
    ranks = [json.loads((out / f"rank-{rank}.json").read_text()) for rank in range(2)]
    return [[Path(path) for path in paths] for paths in ranks]


def within(paths: list[Path], folder: Path) -> set[str]:
    return {path.name for path in paths if path.parent == folder}


def test_the_other_process_resumes_without_opening_checkpoint_manifest_or_indexes(
    config: Path, finished: Path, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(finished, run_dir)
    shutil.rmtree(run_dir / "checkpoints/step-000006")
    reader, other = recorded(tmp_path / "out", config, run_dir)
    checkpoint = run_dir / "checkpoints/step-000004"
    tensors = {f"{name}.safetensors" for name in (*WEIGHTS, *MOMENTS)}
    assert within(reader, checkpoint) >= {*tensors, "model.json", "state.json", "SHA256SUMS"}
    assert within(other, checkpoint) == set()
    shards = config.parent / "shards"
    indexes = {"train-000000.index.json", "train-000001.index.json"}
    tars = {"train-000000.tar", "train-000001.tar"}
    assert within(reader, shards) >= {*indexes, "manifest.json"}
    assert not within(other, shards) & {*indexes, "manifest.json"}
    assert within(other, shards) & tars, "the record would see an index too"
    looked = Path(f"{LOOKED}{shards}")
    assert within(reader, looked) >= tars
    assert not within(other, looked)
    # and what it got is what the file holds, to the bit
    assert read_metrics(run_dir) == read_metrics(finished)
    for name in (*WEIGHTS, *MOMENTS):
        place = f"checkpoints/step-000006/{name}.safetensors"
        assert (run_dir / place).read_bytes() == (finished / place).read_bytes(), name


def test_the_other_process_starts_without_opening_the_weights_of_others(
    config: Path, finished: Path, tmp_path: Path
) -> None:
    vgg = tmp_path / "vgg" / "vgg19.safetensors"
    vgg.parent.mkdir()
    save_file({n: v.to(torch.float16) for n, v in VGG19Features().state_dict().items()}, vgg)
    source = finished / "checkpoints/step-000004"
    run_dir = tmp_path / "run"
    losses = ("losses.perceptual.network=vgg19", f"losses.perceptual.weights={vgg}")
    short = ("stages.gan.iterations=1", "stages.gan.updates.0.losses.perceptual=1")
    small = ("losses.perceptual.frames=0.25", "data.batch_size=2", "data.frames=4")
    reader, other = recorded(
        tmp_path / "out", config, run_dir, f"start_from={source}", *losses, *short, *small
    )
    assert within(reader, vgg.parent) == {vgg.name}
    assert within(other, vgg.parent) == set()
    assert within(reader, source) >= {"generator_ema.safetensors", "discriminators.safetensors"}
    assert within(other, source) == set()


def spoil(checkpoint: Path) -> None:
    with (checkpoint / "discriminators.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))


def test_two_processes_pass_over_a_checkpoint_that_fails_its_hash(
    config: Path, finished: Path, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(finished, run_dir)
    spoil(run_dir / "checkpoints/step-000006")
    done = train(config, run_dir, processes=2)
    assert done.returncode == 0, done.stderr
    message = "damaged: discriminators.safetensors not as written (SHA256SUMS)"
    assert done.stderr.count(message) == 1, done.stderr
    assert "continuing at step 4" in done.stderr
    assert (run_dir / "checkpoints/damaged-step-000006").is_dir()
    assert read_metrics(run_dir) == read_metrics(finished)


def test_two_processes_refuse_checkpoints_that_all_fail_their_hash(
    config: Path, finished: Path, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(finished, run_dir)
    for checkpoint in (run_dir / "checkpoints").glob("step-*"):
        spoil(checkpoint)
    done = train(config, run_dir, processes=2)
    assert done.returncode != 0
    message = "none of its 2 checkpoints can be read"
    assert done.stderr.count(message) == 1, done.stderr
    assert len(re.findall(r"exitcode *: 2 ", done.stderr)) == 2, "both ranks, neither waited for"
    status = json.loads((run_dir / "status.json").read_text())
    assert (status["state"], status["code"]) == ("wrong_use", 2)
    assert message in status["message"]


def test_each_node_has_a_reader_and_a_failed_read_is_one_refusal_on_all(tmp_path: Path) -> None:
    done = torchrun(4, "tests.helpers.ranks_of_two_nodes", str(tmp_path))
    assert done.returncode == 0, done.stderr
    told: list[dict[str, Any]] = [
        json.loads((tmp_path / f"rank-{rank}.json").read_text()) for rank in range(4)
    ]
    # ranks 0 and 2 are node0, ranks 1 and 3 node1
    assert [rank["read"] for rank in told] == [["whole", "broken"], ["whole", "broken"], [], []]
    assert all(rank["same"] for rank in told)
    assert {rank["message"] for rank in told} == {"weights.bin: not as written"}
    assert {rank["again"] for rank in told} == {"after it"}
