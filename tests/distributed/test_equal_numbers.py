"""One process or several, whole batches or micro-batches, DDP or DeepSpeed: the same numbers."""

import json
from pathlib import Path

import pytest

from tests.distributed.equality import (
    ALONE,
    GOLDEN,
    SET_UPS,
    UPDATE_SHARE,
    compare,
    first_weights,
    losses,
    run,
    worst_loss,
    write_config,
)

pytestmark = pytest.mark.distributed
IN_EVERY_RUN = ("DDP", "ZeRO-2")  # the others: `make test-dist`


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_config(tmp_path_factory.mktemp("equality"))


@pytest.fixture(scope="module")
def alone(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("runs") / "alone"
    run(config, run_dir, ALONE)
    return run_dir


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in IN_EVERY_RUN else pytest.mark.slow)
        for name in SET_UPS
    ],
)
def test_every_loss_and_every_tensors_update_is_that_of_one_process(
    name: str, config: Path, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = tmp_path / "built"
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(built))
    run(config, tmp_path / "run", SET_UPS[name])
    assert not built.exists(), "DeepSpeed compiled a part of itself"
    apart = compare(tmp_path / "run", alone, first_weights(config))
    assert apart.loss <= 1, apart.loss_name
    assert apart.update <= UPDATE_SHARE, apart.update_name
    assert apart.unmoved


def test_the_losses_are_those_on_file(alone: Path) -> None:
    """A change that means to alter them: `python -m tests.distributed.equality --record`."""
    share, name = worst_loss(losses(alone), json.loads(GOLDEN.read_text(encoding="utf-8")))
    assert share <= 1, f"{name}: {share:.1f} times the allowed difference"
