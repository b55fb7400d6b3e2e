"""The best checkpoint is the one with the best figure: the highest PSNR, the lowest NLMD."""

import math
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file

from emotalk.checkpoints.best import remember_best
from emotalk.checkpoints.find_model import find_model
from emotalk.checkpoints.train_state import TrainState
from emotalk.config.run import TrainConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.validation import Validation
from tests.helpers.tiny_training import read_metrics, tiny_config, tiny_shards
from tests.helpers.train_here import train_here

PSNR, NLMD = "validation/psnr_mouth", "validation/nlmd"


def found(config: TrainConfig, name: str, values: list[float]) -> list[int]:
    """Return the steps (1, 2, ...) of the values that were the best until then."""
    state, steps = TrainState(), []
    for step, value in enumerate(values, start=1):
        state.step = step
        if remember_best(state, {name: value, "validation/ssim": -value}, config):
            steps.append(step)
        assert state.best is None or state.best[1] == (steps or [0])[-1]
    return steps


def test_a_higher_psnr_is_better(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, f"checkpoint.keep_best={PSNR}")
    assert found(config, PSNR, [20.0, 19.0, 21.0, 21.0, 20.5, 30.0]) == [1, 3, 6]


def test_a_lower_nlmd_is_better(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, f"checkpoint.keep_best={NLMD}", "validation.landmarks=judge")
    assert found(config, NLMD, [0.05, 0.06, 0.04, 0.04, 0.01, 0.02]) == [1, 3, 5]


def test_a_figure_that_is_no_number_is_never_the_best(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, f"checkpoint.keep_best={PSNR}")
    assert found(config, PSNR, [math.nan, 10.0, math.nan, 11.0]) == [2, 4]
    assert not remember_best(TrainState(step=1), {}, config)


def test_none_keeps_none(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "checkpoint.keep_best=none")
    assert found(config, PSNR, [20.0, 21.0]) == []


def test_figures_of_other_clips_are_not_compared(tmp_path: Path) -> None:
    state = TrainState(step=1)
    assert remember_best(state, {PSNR: 30.0}, tiny_config(tmp_path, "validation.clips=2"))
    state.step = 2
    assert remember_best(state, {PSNR: 20.0}, tiny_config(tmp_path, "validation.clips=4"))
    assert state.best == (20.0, 2)


def test_a_best_of_an_older_checkpoint_is_compared(tmp_path: Path) -> None:
    state = TrainState(step=9, best=(30.0, 3))
    assert not remember_best(state, {PSNR: 20.0}, tiny_config(tmp_path))
    assert state.best == (30.0, 3)


def test_nlmd_cannot_be_watched_where_nobody_finds_landmarks(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"keep_best .*needs validation\.landmarks"):
        tiny_config(tmp_path, f"checkpoint.keep_best={NLMD}", "validation.clips=2")


def test_the_best_is_kept_though_no_checkpoint_was_due_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validations at 1 ... 6, checkpoints at the end only; the third is the best."""
    tiny_shards(tmp_path / "shards")
    values = iter([20.0, 19.0, 25.0, 24.0, 23.0, 22.0])
    monkeypatch.setattr(Validation, "measure", lambda *_: {PSNR: next(values)})
    train_here(
        tiny_config(
            tmp_path, "validation.clips=2", "validation.every=1",
            "checkpoint.every=0", "checkpoint.keep_last=1",
        )
    )  # fmt: skip
    kept = tmp_path / "run/checkpoints"
    assert sorted(path.name for path in kept.glob("step-*")) == ["step-000003", "step-000006"]
    assert (kept / "best").read_text() == "step-000003\n"
    assert find_model(kept / "best") == kept / "step-000003"
    assert find_model(tmp_path / "run") == kept / "step-000006"


def test_saving_the_best_changes_nothing_that_is_learned_and_a_run_goes_on_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step 3 is saved because it is best; a run without that and one broken off there agree."""
    tiny_shards(tmp_path / "shards")
    words = ["validation.clips=2", "validation.every=3", "checkpoint.every=0"]
    monkeypatch.setattr(Validation, "measure", lambda *_: {PSNR: 20.0})
    runs = {name: tmp_path / name for name in ("kept", "plain")}
    train_here(tiny_config(tmp_path, f"run_dir={runs['kept']}", *words))
    best = ["checkpoint.keep_best=none"]
    train_here(tiny_config(tmp_path, f"run_dir={runs['plain']}", *words, *best))
    assert not (runs["plain"] / "checkpoints/step-000003").exists()
    shutil.rmtree(runs["kept"] / "checkpoints/step-000006")
    train_here(tiny_config(tmp_path, f"run_dir={runs['kept']}", *words))  # goes on from step 3
    assert read_metrics(runs["kept"]) == read_metrics(runs["plain"])
    for name in ("generator", "generator_ema", "discriminators", "generator_optimizer"):
        ours, theirs = (
            load_file(run / f"checkpoints/step-000006/{name}.safetensors") for run in runs.values()
        )
        assert all((ours[key] == theirs[key]).all() for key in theirs)
    assert (runs["kept"] / "checkpoints/best").read_text() == "step-000003\n"
