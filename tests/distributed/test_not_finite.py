"""A number that is not finite stops every process before the update, by name, on firm ground."""

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.distributed.equality import SetUp
from tests.helpers.tiny_training import tiny_shards, tiny_yaml, train

pytestmark = pytest.mark.distributed
# One step of the emotion discriminator this long, and no loss that asks it is finite any more.
BLOWN_UP = ("stages.emotion.updates.0.lr=1e30", "checkpoint.every=0", "optim.clip_grad_norm=0")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("not_finite")
    return tiny_yaml(folder, tiny_shards(folder / "shards"))


@pytest.mark.parametrize(
    "set_up",
    [
        pytest.param(SetUp(1), id="one process"),
        pytest.param(SetUp(2), id="DDP"),
        pytest.param(SetUp(2, zero=(2, 2)), id="ZeRO-2"),
        pytest.param(SetUp(2, zero=(0, 0)), id="ZeRO-0", marks=pytest.mark.slow),
        pytest.param(SetUp(2, zero=(3, 2)), id="ZeRO-3+2", marks=pytest.mark.slow),
        pytest.param(SetUp(2, accumulate=2), id="accumulation", marks=pytest.mark.slow),
    ],
)
def test_the_run_stops_before_the_update_and_leaves_the_state_before_it(
    config: Path, tmp_path: Path, set_up: SetUp
) -> None:
    words = (*BLOWN_UP, *set_up.overrides, "optim.ema=0")
    done = train(config, tmp_path / "run", *words, processes=set_up.processes)
    assert done.returncode == 1, done.stderr
    assert "NonFiniteTrainingError" in done.stderr
    said = json.loads((tmp_path / "run/status.json").read_text(encoding="utf-8"))
    assert said["state"] == "failed"
    message = said["message"]
    assert "step 2 (stage gan): losses of the generator are not finite: emotion of " in message
    named = re.search(r"emotion of ([^\n;]*)", message)
    assert named is not None
    assert len(set(named[1].split(", "))) == 4, "the clips of both processes"
    saved = tmp_path / "run/checkpoints/step-000001"
    assert str(saved) in message
    assert all(v.isfinite().all() for v in load_file(saved / "generator.safetensors").values())
    state = json.loads((saved / "state.json").read_text(encoding="utf-8"))
    assert state["optimizer_steps"]["generator"] == {}, "the generator has made no step"


def test_after_half_a_step_the_last_whole_one_stands(config: Path, tmp_path: Path) -> None:
    words = [
        "stages.emotion.iterations=0",
        "stages.gan.iterations=3",
        "stages.gan.updates.0.lr=1e30",  # the generator steps away, then the critics see it
        "checkpoint.every=0",
    ]
    done = train(config, tmp_path / "run", *words)
    assert done.returncode == 1, done.stderr
    assert "step 1 (stage gan): losses of the discriminators are not finite" in done.stderr
    assert "the newest state before it: the start" in done.stderr
    assert not list((tmp_path / "run/checkpoints").glob("step-*"))


@pytest.mark.slow
def test_a_state_saved_so_is_one_a_run_can_go_on_from(config: Path, tmp_path: Path) -> None:
    assert train(config, tmp_path / "run", *BLOWN_UP).returncode == 1
    again = train(config, tmp_path / "run", *BLOWN_UP)
    assert again.returncode == 1, "the same numbers again"
    assert "continuing at step 1" in again.stderr
    critics = load_file(tmp_path / "run/checkpoints/step-000001/discriminators.safetensors")
    assert any(not torch.isfinite(v).all() or v.abs().max() > 1e20 for v in critics.values())
