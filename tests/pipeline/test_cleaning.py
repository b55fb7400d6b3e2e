"""Cuts, stills, late sound and other voices are found; finished sets stay finished."""

import json
from pathlib import Path
from typing import Any

import pytest

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.shards.clip import read_facts
from emotalk.shards.inspect import inspect
from emotalk.shards.rejected import read_rejected
from etl.job.finished_set import is_finished, open_samples
from etl.job.output import lock_output, read_manifest
from etl.job.plan import LATER_CHECKS, make_plan
from etl.job.run import run_job
from etl.job.update import needs_update, update_set
from tests.helpers.etl_run import digests
from tests.helpers.real_shards import InThisProcess, Quiet
from tests.helpers.shared import shared_data

REASONS = {
    "cut_two_people.mp4": "shot_change",
    "dubbed.mp4": "out_of_sync",
    "frozen_picture.mp4": "still_picture",
    "late_audio_8_frames.mp4": "out_of_sync",
}
UNCHECKED = dict(LATER_CHECKS)


def config_for(output: Path, **quality: Any) -> EtlConfig:
    return EtlConfig.model_validate(
        {
            "corpus": "folder",
            "source": str(shared_data("data", "faults", "cleaning")),
            "output": str(output),
            "landmarks": {
                "pack": "faces68",
                "root": str(shared_data("data", "insightface")),
            },
            "split": {"by": "clip", "shares": (1, 0, 0)},
            "max_rejected_share": 1.0,
            "quality": quality,
        }
    )


def make(config: EtlConfig) -> None:
    with lock_output(config.output):
        run_job(config, make_plan(config), InThisProcess(), Quiet())


def facts_of(output: Path) -> dict[str, dict[str, Any]]:
    manifest = read_manifest(output)
    assert manifest is not None
    with open_samples(output, manifest) as (reader, samples):
        return {sample.key: read_facts(reader, sample) for sample in samples}


def finished(config: EtlConfig) -> bool:
    plan = make_plan(config)
    return is_finished(config, plan) and not needs_update(config, plan)


def test_each_faulty_clip_has_its_reason_and_the_good_one_is_kept(tmp_path: Path) -> None:
    config = config_for(tmp_path / "out", sync="reject")
    make(config)
    rejected = read_rejected(config.output)
    assert {clip: line.reason for clip, line in rejected.items()} == REASONS
    assert "8 frames (320 ms) late" in rejected["late_audio_8_frames.mp4"].detail
    (facts,) = facts_of(config.output).values()
    assert facts["clip"] == "good.mp4"
    assert facts["sync"]["verdict"] == "in_step"
    assert abs(facts["sync"]["offset"]) <= 1
    assert finished(config)
    report = inspect(config.output)
    assert report.ok
    assert "out_of_sync" in str(report)


def test_by_default_offsets_are_stored_and_reject_nothing(tmp_path: Path) -> None:
    config = config_for(tmp_path / "out")
    make(config)
    stored = {facts["clip"]: facts["sync"] for facts in facts_of(config.output).values()}
    assert set(stored) == {"good.mp4", "late_audio_8_frames.mp4", "dubbed.mp4"}
    assert all(sync["shifted"] == 0 for sync in stored.values())
    assert abs(stored["late_audio_8_frames.mp4"]["offset"] - 8) <= 1
    for mode in ("correct", "reject", "off"):
        with pytest.raises(WrongUse, match=f'quality.sync was "report", is "{mode}"'):
            finished(config_for(config.output, sync=mode))


def test_a_set_of_an_older_version_stays_finished_and_is_repaired_as_it_was(tmp_path: Path) -> None:
    config = config_for(tmp_path / "out", **UNCHECKED)
    make(config)
    facts = facts_of(config.output)
    assert len(facts) == 5
    assert not any("sync" in each for each in facts.values())
    manifest = config.output / "manifest.json"
    tree = json.loads(manifest.read_text())
    assert "sync" not in tree["config"]["quality"]
    for name in UNCHECKED:
        tree["config"]["quality"].pop(name, None)
    manifest.write_text(json.dumps(tree, indent=1, sort_keys=True) + "\n")
    now = config_for(config.output)
    before = digests(config.output)
    assert finished(now)
    assert finished(config_for(config.output, sync="off"))
    for mode in ("correct", "reject"):
        with pytest.raises(WrongUse, match=f'quality.sync was "off", is "{mode}"'):
            finished(config_for(config.output, sync=mode))
    (tar,) = config.output.glob("*.tar")
    tar.write_bytes(tar.read_bytes()[:-1000])
    assert not finished(now)
    with lock_output(config.output):
        update_set(now, make_plan(now), InThisProcess(), Quiet())
    assert digests(config.output) == before
