"""A run goes on over its own shards and configuration, and may be made longer."""

import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from emotalk.config.run import TrainConfig
from emotalk.errors import WrongUse
from emotalk.runs.dry_run import describe
from emotalk.runs.facts import shards_digest
from emotalk.runs.folder import check_run_folder
from emotalk.runs.same_run import is_lengthened
from emotalk.shards.joined_set import open_shards
from emotalk.shards.shard_set import ShardSet
from tests.helpers.shard_set import made_clips, rewrite_manifest, write_shard_set
from tests.helpers.tiny_training import TINY, read_metrics, tiny_config, tiny_shards
from tests.helpers.train_here import train_here

GAN = TINY["stages"][1]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two shard sets and a run of six steps over the first."""
    folder = tmp_path_factory.mktemp("same")
    tiny_shards(folder / "shards")
    clips = made_clips(16, frames=(12, 15, 13))
    write_shard_set(folder / "others", [("train", clips[:12]), ("val", clips[12:])])
    train_here(tiny_config(folder))
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def is_started(config: TrainConfig) -> bool:
    return check_run_folder(config, open_shards(config.shards, config.data.remote))


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_another_shard_set_is_refused_and_nothing_is_changed(folder: Path) -> None:
    before = contents(folder / "run")
    config = tiny_config(folder, f"shards={folder / 'others'}")
    with pytest.raises(
        WrongUse,
        match=r"learned from another shard set.*there 12 training clips.*start_from=.*other_shards",
    ):
        train_here(config)
    assert contents(folder / "run") == before


def test_it_goes_on_over_another_set_where_that_is_meant_and_from_then_on(folder: Path) -> None:
    more = ["stages.gan.iterations=6", f"shards={folder / 'others'}"]
    train_here(tiny_config(folder, *more, "resume=other_shards"))
    assert read_metrics(folder / "run")[-1]["step"] == 7
    is_started(tiny_config(folder, *more))
    with pytest.raises(WrongUse, match="another shard set"):
        is_started(tiny_config(folder, "stages.gan.iterations=6"))


def test_an_older_checkpoint_of_another_set_is_not_gone_on_from_without_a_word(
    folder: Path,
) -> None:
    """The newest one, of the other set, is damaged; the one before it learned from the first."""
    words = [f"shards={folder / 'others'}", "stages.gan.iterations=6"]
    train_here(tiny_config(folder, *words, "resume=other_shards"))
    (folder / "run/checkpoints/step-000007/generator.safetensors").write_bytes(b"")
    for _ in range(2):  # the second time there is no damaged one any more
        with pytest.raises(WrongUse, match=r"learned from another shard set.*resume=other_shards"):
            train_here(tiny_config(folder, *words))
    assert (folder / "run/checkpoints/latest").read_text().strip() == "step-000006"
    assert train_here(tiny_config(folder, *words, "resume=other_shards")).state.step == 7


def test_a_set_that_moved_or_was_cut_again_alike_is_the_same(folder: Path) -> None:
    (folder / "shards").rename(folder / "moved")
    rewrite_manifest(folder / "moved", lambda tree: tree.update(run={"seconds": 7, "workers": 9}))
    assert is_started(tiny_config(folder, f"shards={folder / 'moved'}"))


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree["shards"][0].update(sha256="0" * 64),
        lambda tree: tree.update(mean_face=[[0.0, 0.0]] * 68),
        lambda tree: tree["shards"].reverse(),
    ],
)
def test_whatever_decides_what_is_learned_is_compared(folder: Path, change: Any) -> None:
    rewrite_manifest(folder / "shards", change)
    with pytest.raises(WrongUse, match="another shard set"):
        is_started(tiny_config(folder))


@pytest.mark.parametrize("emotions_recorded", [True, False])
def test_checkpoints_of_before_are_compared_by_their_manifests_hash(
    folder: Path, emotions_recorded: bool
) -> None:
    for path in (folder / "run/checkpoints").glob("step-*/state.json"):
        tree = json.loads(path.read_text())
        path.write_text(json.dumps({k: v for k, v in tree.items() if k != "shards"}))
        if not emotions_recorded:
            model = path.with_name("model.json")
            described = json.loads(model.read_text())
            del described["data"]["emotions"]
            model.write_text(json.dumps(described))
            path.with_name("SHA256SUMS").unlink()
    assert is_started(tiny_config(folder))
    with pytest.raises(WrongUse, match="another shard set"):
        is_started(tiny_config(folder, f"shards={folder / 'others'}"))


def test_the_digest_is_of_the_manifest_without_its_run(folder: Path) -> None:
    tree = json.loads((folder / "shards/manifest.json").read_bytes())
    expected = hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()
    assert shards_digest(ShardSet.open(str(folder / "shards"))) == expected
    state = json.loads((folder / "run/checkpoints/step-000006/state.json").read_text())
    assert state["shards"] == expected


def test_what_only_computes_or_reports_may_change(folder: Path) -> None:
    for word in (
        "data.on_fault=skip", "data.workers=2", "data.silence_s=5", "runtime.threads=2",
        "checkpoint.keep_last=7", "tracking.log_every=9", "validation.clips=2",
    ):  # fmt: skip
        assert is_started(tiny_config(folder, word)), word


@pytest.mark.parametrize(
    "word",
    [
        "stages.gan.iterations=4",
        "stages.emotion.iterations=2",
        "stages.gan.updates.0.lr=1e-4",
        "stages.gan.lr_warmup=1",
        "optim.ema=0",
        "data.frames=5",
    ],
)
def test_what_is_learned_may_not(folder: Path, word: str) -> None:
    with pytest.raises(WrongUse, match="belongs to a run of another configuration") as caught:
        is_started(tiny_config(folder, word))
    assert ("may be made longer" in str(caught.value)) == word.startswith("stages.")


def test_a_finished_run_made_longer_ends_as_one_that_was_long_from_the_start(
    folder: Path, tmp_path: Path
) -> None:
    train_here(tiny_config(folder, "stages.gan.iterations=7"))
    whole = tmp_path / "whole"
    whole.mkdir()
    shutil.copytree(folder / "shards", whole / "shards")
    train_here(tiny_config(whole, "stages.gan.iterations=7"))
    assert read_metrics(folder / "run") == read_metrics(whole / "run")
    for name in ("generator", "generator_ema", "discriminators", "generator_optimizer"):
        ours = load_file(folder / f"run/checkpoints/step-000008/{name}.safetensors")
        theirs = load_file(whole / f"run/checkpoints/step-000008/{name}.safetensors")
        assert all((ours[key] == theirs[key]).all() for key in theirs)


def staged(config: TrainConfig, *stages: dict[str, Any]) -> TrainConfig:
    tree = config.model_dump()
    return TrainConfig.model_validate({**tree, "stages": [*tree["stages"], *stages]})


def test_a_stage_may_be_added(folder: Path) -> None:
    config = tiny_config(folder)
    fine = {**GAN, "name": "fine", "iterations": 2}
    train_here(staged(config, fine))
    assert read_metrics(folder / "run")[-1]["step"] == 8
    assert not is_lengthened(staged(config, fine).stages, config.stages)


def test_an_added_stage_may_not_ask_for_discriminators_the_run_has_not(tmp_path: Path) -> None:
    tiny_shards(tmp_path / "shards")
    plain = {"mouth_region": 100}
    config = TrainConfig.model_validate(
        {
            **tiny_config(tmp_path).model_dump(),
            "stages": [
                {
                    "name": "first",
                    "iterations": 1,
                    "updates": [{"network": "generator", "lr": 1e-3, "losses": plain}],
                }
            ],
        }
    )
    train_here(config)
    with pytest.raises(WrongUse, match=r"has not: emotion, frame, pair, temporal.*start_from="):
        is_started(staged(config, GAN))


def test_a_falling_rate_that_jumps_is_said_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("emotalk").propagate = True
    tiny_shards(tmp_path / "shards")
    falling = "stages.gan.lr_decay=cosine"
    train_here(tiny_config(tmp_path, falling, "stages.gan.iterations=1"))
    is_started(tiny_config(tmp_path, falling, "stages.gan.iterations=1"))
    assert "learning rate" not in caplog.text
    is_started(tiny_config(tmp_path, falling, "stages.gan.iterations=3"))
    assert "its learning rate (lr_decay=cosine) falls over the new length" in caplog.text


def test_shards_that_are_yet_to_be_made_are_not_compared(folder: Path) -> None:
    config = tiny_config(folder, f"shards={folder / 'yet-to-come'}")
    assert check_run_folder(config, None)
    describe(config, before_shards=True)
    with pytest.raises(WrongUse):
        is_started(config)


def test_a_dry_run_refuses_another_shard_set_too(folder: Path) -> None:
    with pytest.raises(WrongUse, match="another shard set"):
        describe(tiny_config(folder, f"shards={folder / 'others'}"))


def test_a_finished_run_says_how_to_go_on(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("emotalk").propagate = True
    caplog.set_level(logging.INFO, "emotalk.train")
    train_here(tiny_config(folder))
    assert "all 6 steps were made before" in caplog.text
    assert "stages.gan.iterations=N" in caplog.text
