"""Rejected clips that were mended are taken up again; a set of which nothing changed stays done."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.rejection_reasons import REASONS
from emotalk.shards.clip import read_facts
from emotalk.shards.inspect import inspect
from emotalk.shards.manifest import Manifest
from etl.job.finished_set import is_finished, open_samples
from etl.job.output import lock_output
from etl.job.plan import make_plan
from etl.job.run import run_job
from etl.job.update import needs_update, update_set
from tests.helpers.clips import tone, write_clip, write_crema_d, write_sidecar
from tests.helpers.etl_run import digests
from tests.helpers.real_shards import InThisProcess, Quiet

SECONDS, FRAMES = 0.6, 18
LATER = ("labels_sha256", "splits_sha256", "models_sha256")


def config_for(source: Path, output: Path, **more: Any) -> EtlConfig:
    tree = {
        "corpus": "folder",
        "source": str(source),
        "output": str(output),
        "landmarks": {"backend": "sidecar"},
        "samples_per_shard": 2,
        "max_rejected_share": 1.0,
        **more,
    }
    return EtlConfig.model_validate(tree)


class Counting(InThisProcess):
    """Counts the clips that are opened; may break off after some tasks."""

    def __init__(self, dies_after: int | None = None) -> None:
        self.opened: list[str] = []
        self.done = 0
        self.dies_after = dies_after

    def stream(self, function: Any, items: Any, *shared: Any) -> Any:
        for item in items:
            if self.dies_after is not None and self.done >= self.dies_after:
                raise KeyboardInterrupt
            self.done += 1
            if hasattr(item, "label"):
                self.opened.append(item.label.key)
            yield item, function(item, *shared)


def run(config: EtlConfig, machines: Counting | None = None) -> str:
    """Do what `etl/shard.py` does; return `done`, `made` or the words of what was mended."""
    machines = machines or Counting()
    plan = make_plan(config)
    if is_finished(config, plan) and not needs_update(config, plan):
        return "done"
    with lock_output(config.output):
        if not is_finished(config, plan):
            run_job(config, plan, machines, Quiet())
            return "made"
        return update_set(config, plan, machines, Quiet())[1]


def table(source: Path, rows: dict[str, tuple[str, str, str]]) -> None:
    lines = [f"{clip},{','.join(row)}" for clip, row in rows.items()]
    (source / "clips.csv").write_text("\n".join(["clip,actor,emotion,level", *lines]) + "\n")


ROWS = {
    f"{actor}_{number}.mp4": (actor, emotion, level)
    for actor in ("anna", "bo", "cy")
    for number, (emotion, level) in enumerate([("anger", "HI"), ("neutral", ""), ("neutral", "")])
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("good")
    for number, clip in enumerate(ROWS):
        write_clip(source / clip, seconds=SECONDS, container="mp4", seed=number)
        write_sidecar(source / "landmarks", Path(clip).stem, FRAMES)
    (source / "cy_2.words.csv").write_text("word,start,end\nhi,0.1,0.3\nyou,0.3,0.55\n")
    table(source, ROWS)
    return source


@pytest.fixture
def source(tmp_path: Path, good: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "source"))


def rejected(output: Path) -> dict[str, str]:
    lines = (output / "rejected.jsonl").read_text().splitlines()
    return {line["clip"]: line["reason"] for line in map(json.loads, lines)}


def spoil_empty(path: Path) -> None:
    path.write_bytes(b"")


def spoil_silent(path: Path) -> None:
    write_clip(path, seconds=SECONDS, container="mp4", sound=0 * tone(SECONDS))


def spoil_sidecar(path: Path) -> None:
    np.save(path.parent / "landmarks" / f"{path.stem}.npy", np.zeros((3, 5, 2), np.float32))


SPOILERS: dict[str, Callable[[Path], object]] = {
    "empty_file": spoil_empty,
    "missing": Path.unlink,
    "silent": spoil_silent,
    "no_audio": lambda path: write_clip(path, seconds=SECONDS, container="mp4", silent_file=True),
    "too_short": lambda path: write_clip(path, seconds=0.2, container="mp4"),
    "unreadable": lambda path: path.write_text("I am no video\n" * 99),
    "git_lfs_pointer": lambda path: path.write_text("version https://git-lfs.github.com/spec/v1"),
    "no_landmarks": lambda path: (path.parent / "landmarks" / f"{path.stem}.npy").unlink(),
    "bad_landmarks": spoil_sidecar,
    "bad_words": lambda path: path.with_suffix(".words.csv").write_text("word,start\nhi,0.1\n"),
}


TRIALS = (
    {"anna_0.mp4": "empty_file", "anna_1.mp4": "missing", "bo_0.mp4": "silent",
     "cy_2.mp4": "no_audio"},
    {"anna_0.mp4": "too_short", "bo_1.mp4": "unreadable", "bo_2.mp4": "git_lfs_pointer",
     "cy_0.mp4": "no_landmarks", "cy_1.mp4": "bad_landmarks", "cy_2.mp4": "bad_words"},
)  # fmt: skip


@pytest.mark.parametrize("spoilt", TRIALS)
def test_clips_that_are_mended_as_their_reasons_advise_are_taken_up_by_the_same_command(
    tmp_path: Path, source: Path, good: Path, spoilt: dict[str, str]
) -> None:
    for clip, reason in spoilt.items():
        SPOILERS[reason](source / clip)
    config = config_for(source, tmp_path / "out")
    assert run(config) == "made"
    assert rejected(config.output) == spoilt
    assert run(config) == "done"
    shutil.copytree(good, source, dirs_exist_ok=True)  # copy it again, write the side-car, ...
    machines = Counting()
    assert run(config, machines) == "clips that were rejected before were processed again"
    assert sorted(machines.opened) == sorted(clip.replace(".", "_") for clip in spoilt)
    assert rejected(config.output) == {}
    assert run(config_for(good, tmp_path / "at_once")) == "made"
    assert digests(config.output) == digests(tmp_path / "at_once")
    assert inspect(config.output).ok
    assert run(config) == "done"


def test_an_advice_to_change_a_setting_works_with_another_output(
    tmp_path: Path, source: Path
) -> None:
    SPOILERS["too_short"](source / "anna_0.mp4")
    run(config_for(source, tmp_path / "out"))
    lower = {"min_seconds": 0.1}
    with pytest.raises(WrongUse, match="Choose another output"):
        run(config_for(source, tmp_path / "out", quality=lower))
    run(config_for(source, tmp_path / "other", quality=lower))
    assert rejected(tmp_path / "other") == {}


def test_every_reason_has_its_trial() -> None:
    """Those tried here, in test_etl_faults and by name; the rest advise another recording."""
    by_recording = {
        "no_video", "truncated_video", "truncated_audio", "too_long", "several_faces",
        "small_face", "mouth_outside", "blurred", "no_face", "audio_gaps", "no_times",
        "shot_change", "still_picture", "out_of_sync", "leaves_crop", "no_voice", "no_stretch",
    }  # fmt: skip
    by_name = {"unknown_name", "known_bad"}
    of_the_machine = {"crashed", "worker_died", "file_changed"}
    assert {reason for trial in TRIALS for reason in trial.values()} == set(SPOILERS)
    assert set(REASONS) <= by_recording | by_name | of_the_machine | set(SPOILERS)


def test_a_clip_that_is_still_bad_leaves_the_set_as_it_is(tmp_path: Path, source: Path) -> None:
    SPOILERS["silent"](source / "anna_0.mp4")
    config = config_for(source, tmp_path / "out")
    run(config)
    before = digests(config.output)
    write_clip(source / "anna_0.mp4", seconds=SECONDS, container="mp4", sound=0 * tone(SECONDS),
               seed=5)  # fmt: skip
    assert run(config).endswith("processed again, all as before")
    after = digests(config.output)
    assert {n: d for n, d in before.items() if n != "rejected.jsonl"} == {
        n: d for n, d in after.items() if n != "rejected.jsonl"
    }
    assert run(config) == "done"
    SPOILERS["empty_file"](source / "anna_0.mp4")
    run(config)
    assert rejected(config.output) == {"anna_0.mp4": "empty_file"}


def test_taking_up_goes_on_after_it_was_broken_off(
    tmp_path: Path, source: Path, good: Path
) -> None:
    run(config_for(good, tmp_path / "at_once"))
    for clip in ("anna_0.mp4", "cy_1.mp4"):
        SPOILERS["empty_file"](source / clip)
    config = config_for(source, tmp_path / "out")
    run(config)
    shutil.copytree(good, source, dirs_exist_ok=True)
    for after in (0, 1, 3):
        with pytest.raises(KeyboardInterrupt):
            run(config, Counting(dies_after=after))
    machines = Counting()
    assert run(config, machines) in {"made", "clips that were rejected before were processed again"}
    assert machines.opened == []
    assert digests(config.output) == digests(tmp_path / "at_once")


def test_a_worker_s_death_is_tried_again_by_every_run(tmp_path: Path, source: Path) -> None:
    config = config_for(source, tmp_path / "out")
    run(config)
    lines = [{"clip": "anna_0.mp4", "reason": "worker_died", "detail": "x", "files_sha256": ""}]
    plan = make_plan(config)
    (config.output / "rejected.jsonl").write_text(json.dumps(lines[0]) + "\n")
    assert needs_update(config, plan)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"anna_0.mp4": ("anna", "anger", "LO")}, "levels, votes or further facts"),
        ({"anna_0.mp4": ("anna", "sadness", "HI")}, "their actors or their emotions"),
    ],
)
@pytest.mark.parametrize("old", [False, True])
def test_changed_labels_are_another_set(
    tmp_path: Path, source: Path, change: dict[str, tuple[str, str, str]], words: str, old: bool
) -> None:
    config = config_for(source, tmp_path / "out")
    run(config)
    if old:
        as_of_an_older_version(config.output)
    table(source, ROWS | change)
    before = digests(config.output)
    with pytest.raises(WrongUse, match=f"{words}.*Choose another output"):
        run(config)
    assert digests(config.output) == before


def as_of_an_older_version(output: Path) -> None:
    """Take out what earlier versions did not write."""
    tree = json.loads((output / "manifest.json").read_text())
    for name in LATER:
        tree["config"].pop(name)
    tree["config"]["quality"].pop("max_gap_share", None)
    stat = (output / "manifest.json").stat()
    lines = [json.loads(line) for line in (output / "rejected.jsonl").read_text().splitlines()]
    for line in lines:
        line.pop("files_sha256", None)
    (output / "rejected.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (output / "manifest.json").write_text(json.dumps(tree))
    os.utime(output / "manifest.json", ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_set_of_an_older_version_is_done_when_nothing_changed(
    tmp_path: Path, source: Path, good: Path
) -> None:
    SPOILERS["silent"](source / "anna_0.mp4")
    config = config_for(source, tmp_path / "out")
    run(config)
    as_of_an_older_version(config.output)
    before = digests(config.output)
    assert run(config) == "done"
    assert digests(config.output) == before
    shutil.copy(good / "anna_0.mp4", source / "anna_0.mp4")
    machines = Counting()
    assert run(config, machines).endswith("processed again")
    assert machines.opened == ["anna_0_mp4"]
    assert rejected(config.output) == {}


def test_a_clip_replaced_after_it_was_accepted_is_said(tmp_path: Path, source: Path) -> None:
    config = config_for(source, tmp_path / "out")
    run(config)
    shutil.copy(source / "bo_0.mp4", source / "copy")
    (source / "copy").replace(source / "bo_0.mp4")  # the same bytes, newly written
    assert run(config) == "done"
    write_clip(source / "bo_0.mp4", seconds=SECONDS, container="mp4", seed=50)
    with pytest.raises(WrongUse, match=r"1 of its clips are other files now: bo_0\.mp4"):
        run(config)


def test_unlabelled_clips_are_kept_as_unknown_and_are_nobodys_neutral_still(
    tmp_path: Path, source: Path
) -> None:
    """Anna has a labelled neutral clip, the others have none."""
    labelled = {"anna_0.mp4": "anger", "anna_1.mp4": "neutral", "bo_0.mp4": "anger"}
    table(source, {clip: (row[0], labelled.get(clip, ""), row[2]) for clip, row in ROWS.items()})
    config = config_for(source, tmp_path / "out")
    run(config)
    assert run(config) == "done"
    report = inspect(config.output)
    assert report.ok
    assert "  unknown" in str(report)
    manifest = Manifest.model_validate_json((config.output / "manifest.json").read_bytes())
    with open_samples(config.output, manifest) as (reader, samples):
        facts = {sample.key: read_facts(reader, sample) for sample in samples}
    for sample in samples:
        clip = facts[sample.key]["clip"]
        assert facts[sample.key]["emotion"] == sample.emotion == labelled.get(clip)
        assert ("neutral.png" in sample.members) == (sample.actor == "anna")
        assert facts[sample.key].get("neutral") == (
            "anna_1.mp4" if sample.actor == "anna" else None
        )
    counted = [facts["emotions"].get("unknown", 0) for facts in manifest.splits.values()]
    assert sum(counted) == len(ROWS) - len(labelled)


def test_word_times_are_kept_with_their_sample_and_no_other_file_may_replace_them(
    tmp_path: Path, source: Path
) -> None:
    config = config_for(source, tmp_path / "out")
    run(config)
    assert run(config) == "done"
    with open_samples(config.output, Manifest.model_validate_json(
        (config.output / "manifest.json").read_bytes())) as (reader, samples):  # fmt: skip
        facts = {sample.key: read_facts(reader, sample) for sample in samples}
    assert facts["cy_2_mp4"]["words"] == [
        {"word": "hi", "start": 0.1, "end": 0.3},
        {"word": "you", "start": 0.3, "end": 0.55},
    ]
    assert not any("words" in name for name in facts["cy_1_mp4"])
    words = source / "cy_2.words.csv"
    words.write_text("word,start,end\nhi,0.1,0.2\n")
    with pytest.raises(WrongUse, match=r"1 of its clips are other files now: cy_2\.mp4"):
        run(config)


def test_changed_settings_are_named(tmp_path: Path, source: Path) -> None:
    run(config_for(source, tmp_path / "out"))
    with pytest.raises(WrongUse, match=r"quality\.min_seconds was 0\.4, is 0\.2"):
        run(config_for(source, tmp_path / "out", quality={"min_seconds": 0.2}))


def test_a_stranger_taken_out_of_the_source_is_taken_out_of_the_count(tmp_path: Path) -> None:
    source = write_crema_d(tmp_path / "corpus", actors=3)
    config = config_for(source, tmp_path / "out", corpus="crema_d")
    stranger = source / "VideoFlash" / "1001_IWL_JOY_XX.flv"
    stranger.touch()
    run(config)
    assert list(rejected(config.output).values()) == ["unknown_name"]
    assert run(config) == "done"
    stranger.unlink()
    machines = Counting()
    run(config, machines)
    assert machines.opened == []
    manifest = json.loads((config.output / "manifest.json").read_text())
    assert manifest["clips"] == {"found": 9, "accepted": 9, "rejected": 0, "left_out": 0}
    assert inspect(config.output).ok
    assert run(config) == "done"


def test_an_unfinished_set_notices_a_changed_side_car(tmp_path: Path, source: Path) -> None:
    config = config_for(source, tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        run(config, Counting(dies_after=len(ROWS)))
    stem = "anna_0"
    moved = np.load(source / "landmarks" / f"{stem}.npy") + np.float32(1.0)
    np.save(source / "landmarks" / f"{stem}.npy", moved)
    machines = Counting()
    run(config, machines)
    assert machines.opened == ["anna_0_mp4"]
    run(config_for(source, tmp_path / "at_once"))
    assert digests(config.output) == digests(tmp_path / "at_once")
