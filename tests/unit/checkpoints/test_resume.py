"""A run goes on from the newest whole checkpoint; a damaged one is replaced, not deleted."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from emotalk.checkpoints.folder import STATE
from emotalk.errors import WrongUse
from emotalk.files.checksums import check_all_sums
from tests.helpers.tiny_training import read_metrics, tiny_config, tiny_shards
from tests.helpers.train_here import train_here, trainer_here

FILES = ("generator", "generator_ema", "discriminators", "generator_optimizer")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with shards and a run of six steps, checkpoints of steps 4 and 6."""
    folder = tmp_path_factory.mktemp("finished")
    tiny_shards(folder / "shards")
    train_here(tiny_config(folder))
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def cut(path: Path) -> None:
    data = (path / "discriminators.safetensors").read_bytes()
    (path / "discriminators.safetensors").write_bytes(data[: len(data) // 2])


def lose_state(path: Path) -> None:
    (path / "state.json").unlink()


def lose_sums(path: Path) -> None:
    (path / "SHA256SUMS").unlink()


def empty(path: Path) -> None:
    for file in path.iterdir():
        file.unlink()


@pytest.mark.parametrize("damage", [cut, lose_state, lose_sums, empty])
def test_a_damaged_newest_checkpoint_is_written_anew_and_kept_under_another_name(
    folder: Path, finished: Path, damage: Callable[[Path], None]
) -> None:
    kept = folder / "run/checkpoints"
    damage(kept / "step-000006")
    left = {file.name: file.read_bytes() for file in (kept / "step-000006").iterdir()}
    train_here(tiny_config(folder))
    check_all_sums(kept / "step-000006", required=STATE)
    assert (kept / "latest").read_text() == "step-000006\n"
    for name in FILES:
        ours = load_file(kept / f"step-000006/{name}.safetensors")
        theirs = load_file(finished / f"run/checkpoints/step-000006/{name}.safetensors")
        assert ours.keys() == theirs.keys()
        assert all((ours[key] == theirs[key]).all() for key in theirs)
    assert read_metrics(folder / "run") == read_metrics(finished / "run")
    aside = {file.name: file.read_bytes() for file in (kept / "damaged-step-000006").iterdir()}
    assert aside == left
    # started once more it goes on from the new one
    with trainer_here(tiny_config(folder)) as trainer:
        assert trainer.state.step == 6


def test_a_checkpoint_under_a_wrong_number_is_not_gone_on_from(folder: Path) -> None:
    kept = folder / "run/checkpoints"
    shutil.copytree(kept / "step-000004", kept / "step-000030")
    with trainer_here(tiny_config(folder)) as trainer:
        assert trainer.state.step == 6
    assert (kept / "latest").read_text() == "step-000006\n"
    assert (kept / "damaged-step-000030").is_dir()


def test_copies_beside_the_newest_change_nothing(folder: Path) -> None:
    kept = folder / "run/checkpoints"
    shutil.copytree(kept / "step-000004", kept / "step-000006-backup")
    with trainer_here(tiny_config(folder)) as trainer:
        assert trainer.state.step == 6
    assert (kept / "step-000006-backup").is_dir()


def test_where_none_can_be_read_all_stay_as_they_are(folder: Path) -> None:
    kept = folder / "run/checkpoints"
    for path in kept.glob("step-*"):
        lose_state(path)
    before = sorted(path.name for path in kept.iterdir())
    with (
        pytest.raises(WrongUse, match="none of its 2 checkpoints can be read"),
        trainer_here(tiny_config(folder)),
    ):
        pass
    assert sorted(path.name for path in kept.iterdir()) == before


def test_a_best_whose_checkpoint_is_lost_is_forgotten(folder: Path) -> None:
    path = folder / "run/checkpoints/step-000006"
    tree = json.loads((path / "state.json").read_text())
    assert tree["best"] is None
    for best, known in [((9.0, 3), None), ((9.0, 4), (9.0, 4))]:
        rewrite(path, {**tree, "best": best})
        with trainer_here(tiny_config(folder)) as trainer:
            assert trainer.state.best == known
        pointer = path.parent / "best"
        assert pointer.exists() == (known is not None)


def test_checkpoints_of_before_open(folder: Path) -> None:
    """Written when the state knew nothing of shards and of what the best was measured by."""
    path = folder / "run/checkpoints/step-000006"
    tree = json.loads((path / "state.json").read_text())
    rewrite(
        path, {name: value for name, value in tree.items() if name not in ("shards", "best_of")}
    )
    with trainer_here(tiny_config(folder)) as trainer:
        assert trainer.state.step == 6


def rewrite(path: Path, tree: dict[str, object]) -> None:
    """Give the checkpoint another state, and a hash that fits it."""
    (path / "state.json").write_text(json.dumps(tree))
    rehash(path, "state.json")


def rehash(path: Path, name: str) -> None:
    """Make the hash of a changed file fit."""
    digest = hashlib.sha256((path / name).read_bytes()).hexdigest()
    lines = (path / "SHA256SUMS").read_text().splitlines()
    kept = [line for line in lines if not line.endswith(f"  {name}")]
    (path / "SHA256SUMS").write_text("\n".join([*kept, f"{digest}  {name}"]) + "\n")


def test_a_state_of_other_types_is_passed_over_for_the_one_before(folder: Path) -> None:
    """Its sums fit, so that nothing but the types can tell."""
    path = folder / "run/checkpoints/step-000006"
    rewrite(path, {**json.loads((path / "state.json").read_text()), "sums": ["a"]})
    with trainer_here(tiny_config(folder)) as trainer:
        assert trainer.state.step == 4
    assert (path.parent / "damaged-step-000006").is_dir()


def test_weights_that_are_not_finite_are_passed_over_for_those_before(folder: Path) -> None:
    path = folder / "run/checkpoints/step-000006"
    weights = load_file(path / "generator.safetensors")
    next(iter(weights.values())).view(-1)[0] = float("nan")
    save_file(weights, path / "generator.safetensors")
    rehash(path, "generator.safetensors")
    with trainer_here(tiny_config(folder)) as trainer:
        assert trainer.state.step == 4
