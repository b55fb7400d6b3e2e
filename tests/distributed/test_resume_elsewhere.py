"""A checkpoint belongs to no number of processes and to no way of spreading a network."""

import shutil
from pathlib import Path

import pytest

from tests.distributed.equality import SetUp, losses, worst_loss
from tests.helpers.tiny_training import tiny_shards, tiny_yaml, train

pytestmark = pytest.mark.distributed
ALONE, DDP, ZERO_2, ZERO_3 = SetUp(1), SetUp(2), SetUp(2, zero=(2, 2)), SetUp(2, zero=(3, 2))
# Small enough that rounding stays rounding; the comparison is then that of equal numbers.
WORDS = ("optim.ema=0", "optim.eps=1e-6", *(f"stages.gan.updates.{n}.lr=1e-4" for n in (0, 1)))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere")
    return tiny_yaml(folder, tiny_shards(folder / "shards"))


def run(config: Path, run_dir: Path, set_up: SetUp) -> str:
    done = train(config, run_dir, *WORDS, *set_up.overrides, processes=set_up.processes)
    assert done.returncode == 0, done.stderr
    assert all(words in done.stderr for words in set_up.said), done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def unbroken(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("runs") / "alone"
    run(config, run_dir, ALONE)
    return run_dir


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(ALONE, ZERO_2, id="one process to ZeRO-2", marks=pytest.mark.slow),
        pytest.param(ZERO_2, ALONE, id="ZeRO-2 to one process", marks=pytest.mark.slow),
        pytest.param(ZERO_2, DDP, id="ZeRO-2 to DDP", marks=pytest.mark.slow),
        pytest.param(DDP, ZERO_3, id="DDP to ZeRO-3+2", marks=pytest.mark.slow),
        pytest.param(ZERO_3, DDP, id="ZeRO-3+2 to DDP", marks=pytest.mark.slow),
        pytest.param(ZERO_3, ALONE, id="ZeRO-3+2 to one process", marks=pytest.mark.slow),
    ],
)
def test_a_run_goes_on_elsewhere_with_the_same_losses(
    config: Path, unbroken: Path, tmp_path: Path, first: SetUp, then: SetUp
) -> None:
    run_dir = tmp_path / "run"
    run(config, run_dir, first)
    shutil.rmtree(run_dir / "checkpoints/step-000006")
    assert "continuing at step 4" in run(config, run_dir, then)
    share, name = worst_loss(losses(run_dir), losses(unbroken))
    assert share <= 1, f"{name}: {share:.1f} times the allowed difference"
