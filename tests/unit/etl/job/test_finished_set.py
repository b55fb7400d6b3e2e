"""What differs between a finished set and a plan, in words, and what an older set may lack."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.schema import ClipLabel, Rejection
from emotalk.shards.manifest import Manifest
from etl.corpora.listing import SourceClip
from etl.job.finished_set import (
    clips_to_retry,
    differences,
    refuse_differences,
    rejected_names_differ,
)
from etl.job.plan import Plan, decisive_config


def config(**more: Any) -> EtlConfig:
    return EtlConfig.model_validate({"corpus": "folder", "source": "x", "output": "y", **more})


def plan_of(settings: EtlConfig, *, level: float | None = 1.0, split: str = "train",
            rejected: tuple[Rejection, ...] = (), folder: Path = Path("x")) -> Plan:  # fmt: skip
    label = ClipLabel("k", "k.mp4", "anna", "anger", level)
    clips = {"k": SourceClip(label, folder / "k.mp4")}
    decisive = decisive_config(settings, list(clips.values()), "shares", {"k": split})
    return Plan(clips, rejected, 0, {"k": split}, (), decisive)


def manifest_of(plan: Plan, **changed: Any) -> Manifest:
    tree: dict[str, Any] = json.loads(json.dumps(dict(plan.config)))
    return Manifest(config={**tree, **changed}, clips={"left_out": 0}, shards=())


def test_nothing_differs_from_what_the_same_plan_made() -> None:
    plan = plan_of(config())
    assert differences(config(), plan, manifest_of(plan)) == []
    refuse_differences(Path("out"), [])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"quality": {"min_seconds": 0.5}}, ["quality.min_seconds was 0.4, is 0.5"]),
        ({"samples_per_shard": 9}, ["samples_per_shard was 64, is 9"]),
        ({"source": "z", "workers": 3, "max_rejected_share": 0.9}, []),
        ({"video": {"crf": 20, "gop": 7}}, ["video.crf was 12, is 20", "video.gop was 6, is 7"]),
    ],
)
def test_settings_that_differ_are_named(other: dict[str, Any], words: list[str]) -> None:
    made = manifest_of(plan_of(config()))
    settings = config(**other)
    assert differences(settings, plan_of(settings), made) == words


def test_labels_splits_and_models_that_differ_are_told_apart() -> None:
    made = manifest_of(plan_of(config()))
    (words,) = differences(config(), plan_of(config(), level=0.5), made)
    assert words.startswith("levels, votes")
    (words,) = differences(config(), plan_of(config(), split="test"), made)
    assert words.startswith("clips would go to other splits")
    first, second = manifest_of(plan_of(config()), models_sha256="a"), plan_of(config())
    assert differences(config(), second, first) == []  # the models are not here: nothing is known
    known = Plan(second.clips, (), 0, second.split_of, (), {**second.config, "models_sha256": "b"})
    (words,) = differences(config(), known, first)
    assert words.startswith("the landmark models are other files")


def test_a_setting_that_the_set_s_version_did_not_have_counts_as_its_default() -> None:
    made = manifest_of(plan_of(config()))
    del made.config["quality"]["max_extra_faces_share"]
    for name in ("labels_sha256", "splits_sha256", "models_sha256"):
        del made.config[name]
    assert differences(config(), plan_of(config()), made) == []
    other = config(quality={"max_extra_faces_share": 0.3})
    assert differences(other, plan_of(other), made) == [
        "quality.max_extra_faces_share was 0.1, is 0.3"
    ]


def test_a_refusal_names_four_differences_and_the_way_out() -> None:
    with pytest.raises(WrongUse, match=r"\(a; b; c; d; \.\.\.\); it is left as it is\. Choose"):
        refuse_differences(Path("out"), list("abcde"))


def test_names_left_out_are_compared_by_clip_and_reason(tmp_path: Path) -> None:
    stranger = Rejection("unknown_name", "no", "s.mp4")
    plan = plan_of(config(), rejected=(stranger,))
    made = manifest_of(plan)
    line = {"clip": "s.mp4", "reason": "unknown_name", "detail": "no"}
    (tmp_path / "rejected.jsonl").write_text(json.dumps(line) + "\n")
    assert not rejected_names_differ(plan, made, tmp_path)
    assert rejected_names_differ(plan_of(config()), made, tmp_path)
    assert rejected_names_differ(plan, Manifest(clips={"left_out": 1}, shards=()), tmp_path)
    assert not rejected_names_differ(plan, Manifest(shards=()), tmp_path)
    (tmp_path / "rejected.jsonl").unlink()
    assert rejected_names_differ(plan, made, tmp_path)


@pytest.mark.parametrize("old", [True, False])
def test_only_rejected_clips_that_changed_are_judged_again(tmp_path: Path, old: bool) -> None:
    from etl.clip.files import content_digest

    settings = config(source=str(tmp_path), output=str(tmp_path))
    plan = plan_of(settings, folder=tmp_path)
    (tmp_path / "k.mp4").write_text("bad")
    line = {"clip": "k.mp4", "reason": "unreadable", "detail": "no"}
    if not old:
        line["files_sha256"] = content_digest(plan.clips["k"], settings)
    (tmp_path / "rejected.jsonl").write_text(json.dumps(line) + "\n")
    manifest = tmp_path / "manifest.json"
    manifest.write_text("{}")
    later = time.time() + 10
    os.utime(manifest, (later, later))
    assert clips_to_retry(settings, plan) == []
    (tmp_path / "k.mp4").write_text("good")
    os.utime(manifest, (later - 3600, later - 3600))
    assert clips_to_retry(settings, plan) == ["k"]
    (tmp_path / "rejected.jsonl").write_text("")
    assert clips_to_retry(settings, plan) == []


def test_a_set_made_on_the_gpu_is_another_one_than_on_the_cpu() -> None:
    """Sets of versions without the setting were made on the CPU."""
    cpu, cuda = config(), config(landmarks={"device": "cuda"})
    said = 'landmarks.device was "cpu", is "cuda"'
    assert said in differences(cuda, plan_of(cuda), manifest_of(plan_of(cpu)))
    back = 'landmarks.device was "cuda", is "cpu"'
    assert back in differences(cpu, plan_of(cpu), manifest_of(plan_of(cuda)))
    assert "device" not in plan_of(cpu).config["landmarks"], "the manifest stays as it was"
    assert plan_of(cuda).config["landmarks"]["device"] == "cuda"
