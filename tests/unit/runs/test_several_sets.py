"""A run over several shard sets: its identity, its facts, its validation and its resume."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from emotalk.checkpoints.export import export_model
from emotalk.checkpoints.format import read_description
from emotalk.config.load import load_config
from emotalk.config.run import TrainConfig
from emotalk.config.shards import ShardSource, sources_of
from emotalk.errors import WrongUse
from emotalk.runs.dry_run import describe
from emotalk.runs.facts import data_facts, model_facts, shards_digest
from emotalk.runs.folder import check_run_folder
from emotalk.runs.leakage import leakage_lines
from emotalk.runs.loader import build_train_loader
from emotalk.runs.tags import run_tags
from emotalk.runs.validation import build_validation
from emotalk.shards.joined_set import open_shards
from emotalk.shards.shard_set import ShardSet
from tests.helpers.shard_set import made_clips, name_corpus, rewrite_manifest, write_shard_set
from tests.helpers.tiny_training import ROOT, read_metrics, tiny_config
from tests.helpers.train_here import train_here, trainer_here

CORPORA = ("crema_d", "mead")
BOTH = "shards=[{{path: {0}/crema_d, weight: 0.4}}, {{path: {0}/mead}}]"


def write_sets(folder: Path) -> None:
    """Write two sets with the same names of clips and actors, of other lengths."""
    for number, corpus in enumerate(CORPORA):
        clips = made_clips(8 + 2 * number, frames=(12 + number, 15))
        shards = [("train", clips[:4]), ("train", clips[4:6]), ("val", clips[6:])]
        write_shard_set(folder / corpus, shards)
        name_corpus(folder / corpus, corpus, landmarks={"backend": "onnx"})


def both_config(folder: Path, *words: str) -> TrainConfig:
    return tiny_config(folder, BOTH.format(folder), *words)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two sets and a run of six steps over both."""
    folder = tmp_path_factory.mktemp("several")
    write_sets(folder)
    train_here(both_config(folder, "validation.clips=3", "checkpoint.keep_last=9"))
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def name_actors(folder: Path, splits: dict[str, list[str]]) -> None:
    named = {split: {"actors": people} for split, people in splits.items()}
    rewrite_manifest(folder, lambda tree: tree.update(splits=named))


def is_started(config: TrainConfig) -> bool:
    return check_run_folder(config, open_shards(config.shards, config.data.remote))


def test_a_resumed_run_ends_as_an_unbroken_one(folder: Path) -> None:
    unbroken = (folder / "run/checkpoints/step-000006/generator.safetensors").read_bytes()
    metrics = read_metrics(folder / "run")
    shutil.rmtree(folder / "run/checkpoints/step-000006")
    shutil.rmtree(folder / "run/checkpoints/step-000004")
    (folder / "mead").rename(folder / "moved")
    words = ["validation.clips=3", "checkpoint.keep_last=9"]
    swapped = f"shards=[{{path: {folder}/moved}}, {{path: {folder}/crema_d, weight: 0.4}}]"
    train_here(tiny_config(folder, swapped, *words))
    assert (folder / "run/checkpoints/step-000006/generator.safetensors").read_bytes() == unbroken
    assert read_metrics(folder / "run") == metrics


@pytest.mark.parametrize(
    ("shards", "said"),
    [
        ("{0}/crema_d", r"there 12 training clips .*\(crema_d with weight 0\.4, manifest .*here 6"),
        ("[{{path: {0}/crema_d}}, {{path: {0}/mead}}]", "here 12 training clips of 6 people"),
        ("[{{path: {0}/crema_d, weight: 0.5}}, {{path: {0}/mead}}]", "with weight 0.5"),
        ("[{{path: {0}/crema_d, weight: 0.4}}, {{path: {0}/third}}]", "unknown, manifest"),
    ],
)
def test_other_sets_or_weights_are_refused_unless_they_are_meant(
    folder: Path, shards: str, said: str
) -> None:
    write_shard_set(folder / "third", [("train", made_clips(4, frames=(12,)))])
    word = f"shards={shards.format(folder)}"
    with pytest.raises(WrongUse, match=f"learned from another shard set than .*{said}"):
        is_started(tiny_config(folder, word))
    assert is_started(tiny_config(folder, word, "resume=other_shards"))


def test_a_set_made_again_differently_is_refused(folder: Path) -> None:
    assert is_started(both_config(folder))
    rewrite_manifest(folder / "mead", lambda tree: tree["shards"][0].update(sha256="0" * 64))
    with pytest.raises(WrongUse, match="another shard set"):
        is_started(both_config(folder))


def test_the_model_its_tags_and_its_card_name_every_set(folder: Path) -> None:
    config = both_config(folder)
    alone = {name: data_facts(ShardSet.open(str(folder / name))) for name in CORPORA}
    facts = read_description(folder / "run/checkpoints/step-000006").data
    assert facts is not None
    assert (facts.corpus, facts.landmarks) == ("crema_d + mead", "onnx")
    assert (facts.clips, facts.actors) == (12, 6)
    assert [(part.name, part.weight) for part in facts.sets] == [("crema_d", 0.4), ("mead", None)]
    hashes = {part.name: part.manifest_sha256 for part in facts.sets}
    assert hashes == {name: part.manifest_sha256 for name, part in alone.items()}
    state = json.loads((folder / "run/checkpoints/step-000006/state.json").read_text())
    assert state["shards"] == shards_digest(open_shards(config.shards))

    tags = run_tags(config, facts)
    assert tags["shards"] == f"{folder}/crema_d (weight 0.4) + {folder}/mead"
    assert tags["manifest_sha256"] == facts.manifest_sha256
    assert {name: tags[f"manifest_sha256.{name}"] for name in CORPORA} == hashes
    assert tags["training_clips.mead"] == "6"

    export_model(folder / "run", folder / "model")
    card = (folder / "model/README.md").read_text()
    assert f"| crema_d | crema_d | 6 | 3 | 0.4 | `{hashes['crema_d']}` |" in card
    assert f"| mead | mead | 6 | 3 | by size | `{hashes['mead']}` |" in card
    assert "Open Database License" in card
    assert "MEAD (Wang et al. 2020) is for academic use only" in card


def test_validation_takes_clips_of_every_set_that_has_some(
    finished: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_shard_set(tmp_path / "third", [("train", made_clips(4))])
    paths = [*(finished / name for name in CORPORA), tmp_path / "third"]
    config = tiny_config(
        tmp_path, f"shards=[{', '.join(map(str, paths))}]", "validation.clips=0"
    ).model_copy(update={"validation": tiny_config(tmp_path, "validation.clips=6").validation})
    runtime = cast(Any, SimpleNamespace(rank=0, world_size=1))
    validation = build_validation(config, runtime, open_shards(config.shards), model_facts(config))
    assert validation is not None
    assert {clip.key for clip in validation.clips} == {
        "crema_d.clip0006", "crema_d.clip0007", *(f"mead.clip000{n}" for n in (6, 7, 8, 9)),
    }  # fmt: skip
    assert f"{tmp_path}/third has no validation split" in caplog.text
    samples = sorted(path.name for path in (finished / "run/samples").rglob("*.mp4"))
    assert any("-crema_d.clip" in name for name in samples)


def test_each_set_s_own_validation_is_in_the_metrics(finished: Path) -> None:
    config = both_config(finished, "validation.clips=3")
    runtime = cast(Any, SimpleNamespace(rank=0, world_size=1))
    validation = build_validation(config, runtime, open_shards(config.shards), model_facts(config))
    assert validation is not None
    validated = [clip.key.partition(".")[0] for clip in validation.clips]
    last = read_metrics(finished / "run")[-1]
    sums = [
        validated.count(name) * last[f"validation/{name}/psnr_mouth"]
        for name in CORPORA
        if name in validated
    ]
    assert sum(sums) / 3 == pytest.approx(last["validation/psnr_mouth"])
    by_set = {name.split("/")[1] for name in last if name.count("/") == 2 and "validation" in name}
    assert by_set == set(validated)


def test_a_dry_run_shows_each_set_and_finds_a_tar_that_is_cut_off(folder: Path) -> None:
    page = describe(both_config(folder))
    assert f"shards   {folder}/crema_d (weight 0.4) + {folder}/mead" in page
    assert "train 12 clips, val 6 clips" in page
    assert f"crema_d: 6 clips, 5 windows an epoch (41.7%), {folder}/crema_d" in page
    assert f"mead: 6 clips, 7 windows an epoch (58.3%), {folder}/mead" in page
    with (folder / "mead/val-000000.tar").open("ab") as file:
        file.truncate(512)
    with pytest.raises(WrongUse, match=f"{folder}/mead/val-000000.tar: 512 bytes"):
        describe(both_config(folder))
    with pytest.raises(WrongUse, match=f"shards={folder}/nowhere: no such folder; make a shard"):
        describe(tiny_config(folder, f"shards=[{folder}/mead, {folder}/nowhere]"))


def test_no_command_in_a_list_is_run_by_a_dry_run(folder: Path) -> None:
    words = (f"shards=[{folder}/crema_d, 'pipe:touch {folder}/ran {{}}']", "resume=other_shards")
    assert "a command; a dry run runs none" in describe(tiny_config(folder, *words))
    assert not (folder / "ran").exists()


def test_the_preset_of_crema_d_and_mead(finished: Path, tmp_path: Path) -> None:
    path = ROOT / "configs/train/crema_d_mead.yaml"
    words = ["losses.perceptual.network=random", "data.frames=8", f"run_dir={tmp_path}/run"]
    config = load_config(TrainConfig, path, words)
    assert [source.path for source in sources_of(config.shards)] == [
        "shards/crema_d",
        "shards/mead",
    ]
    moved = [f"shards.{n}.path={finished}/{name}" for n, name in enumerate(CORPORA)]
    config = load_config(TrainConfig, path, [*words, *moved])
    lines = build_train_loader(config, open_shards(config.shards)).describe()
    assert lines[1] == f"crema_d: 6 clips, 6 windows an epoch (50.0%), {finished}/crema_d"


def test_people_in_the_training_of_one_set_and_the_validation_of_another_are_named(
    tmp_path: Path,
) -> None:
    actors = {"a": {"train": ["1001", "1002"], "val": ["1003"]}, "b": {"train": ["1004"]}}
    actors["b"] |= {"val": ["1002"], "test": ["1001", "9"]}
    for number, (name, splits) in enumerate(actors.items()):
        write_shard_set(tmp_path / name, [("train", made_clips(2 + number))])
        name_actors(name_corpus(tmp_path / name, "crema_d"), splits)
    sources = [ShardSource(path=str(tmp_path / name)) for name in actors]
    (line,) = leakage_lines(open_shards(sources))
    assert line.startswith(f"2 actors of the training split of {tmp_path}/a")
    assert f"other splits of {tmp_path}/b: 1001, 1002; if they are the same people" in line
    name_corpus(tmp_path / "b", "mead")
    assert leakage_lines(open_shards(sources)) == []
    assert leakage_lines(open_shards(sources[:1])) == []


def test_a_run_and_its_dry_run_say_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number, name in enumerate(("a", "b")):
        write_shard_set(tmp_path / name, [("train", made_clips(4 + number, frames=(12,)))])
        name_actors(name_corpus(tmp_path / name, "mead"), {("train", "val")[number]: ["M003"]})
    config = tiny_config(tmp_path, f"shards=[{tmp_path}/a, {tmp_path}/b]")
    assert f"other splits of {tmp_path}/b: M003" in describe(config)
    with trainer_here(config):
        assert f"other splits of {tmp_path}/b: M003" in caplog.text
