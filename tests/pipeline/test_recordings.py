"""Long recordings of a folder become clips; bad ones are named, and none is lost."""

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.faces.align import alignment
from emotalk.media import stretch_frames, voice_activity
from emotalk.shards.clip import read_facts
from emotalk.shards.inspect import inspect
from emotalk.shards.manifest import Manifest
from etl.corpora.listing import SourceClip
from etl.job import look_progress, process, worker
from etl.job.finished_set import is_finished, open_samples
from etl.job.output import lock_output
from etl.job.plan import make_plan, with_stretches
from etl.job.run import run_job
from etl.job.update import needs_update, update_set
from etl.recording import look
from tests.helpers.clips import write_clip, write_sidecar
from tests.helpers.etl_run import digests
from tests.helpers.real_shards import Quiet
from tests.helpers.recordings import SHORT, Shot, write_recording, write_table

TALK = (
    Shot(3.0, (0.6,)),
    Shot(3.0, (0.4,), face=False),
    Shot(6.0, (0.5, 3.4)),
    Shot(1.0),
    Shot(3.0, (0.5,)),
)


@dataclass
class Machines:
    """Works off tasks in one order or the other, names each, and may die after some."""

    backwards: bool = False
    dies_after: int | None = None
    workers: int = 1
    done: list[str] = field(default_factory=list)

    def stream(
        self, function: Callable[..., Any], items: Iterable[Any], *shared: Any
    ) -> Iterator[tuple[Any, Any]]:
        for item in sorted(items, key=str, reverse=self.backwards):
            if self.dies_after is not None and len(self.done) >= self.dies_after:
                raise KeyboardInterrupt
            if isinstance(item, SourceClip):
                self.done.append(item.label.clip)
            yield item, function(item, *shared)


def config_for(source: Path, output: Path, **more: object) -> EtlConfig:
    return EtlConfig.model_validate(
        {
            "corpus": "folder",
            "source": str(source),
            "output": str(output),
            "landmarks": {"backend": "sidecar"},
            "split": {"shares": [1, 0, 0]},
            "samples_per_shard": 3,
            **SHORT,
            **more,
        }
    )


def make(config: EtlConfig, machines: Machines | None = None) -> Manifest:
    with lock_output(config.output):
        return run_job(config, make_plan(config), machines or Machines(), Quiet())


def again(config: EtlConfig, machines: Machines | None = None) -> str:
    """Return what the same command does with a finished set, in words."""
    plan = make_plan(config)
    assert is_finished(config, plan)
    if not needs_update(config, plan):
        return "nothing"
    with lock_output(config.output):
        return update_set(config, plan, machines or Machines(), Quiet())[1]


def rejected(output: Path) -> dict[str, dict[str, str]]:
    lines = (output / "rejected.jsonl").read_text().splitlines()
    return {line["clip"]: line for line in map(json.loads, lines)}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of two people, and a clip that is short enough."""
    folder = tmp_path_factory.mktemp("source")
    write_recording(folder, "talk.mp4", TALK)
    write_recording(folder, "chat.mkv", TALK[:3], seed=200)
    write_clip(folder / "clip.mp4", seconds=2.0, container="mp4")
    write_sidecar(folder / "landmarks", "clip", 60)
    write_table(folder, "talk.mp4,anna,neutral", "chat.mkv,ben,happy", "clip.mp4,anna,anger")
    return folder


@pytest.fixture(scope="module")
def finished(source: Path, tmp_path_factory: pytest.TempPathFactory) -> EtlConfig:
    config = config_for(source, tmp_path_factory.mktemp("set") / "out")
    make(config)
    return config


def test_stretches_are_counted_as_clips_and_named_by_their_times(finished: EtlConfig) -> None:
    result = inspect(finished.output)
    assert result.ok
    manifest = Manifest.model_validate_json((finished.output / "manifest.json").read_bytes())
    assert manifest.clips == {"found": 8, "accepted": 8, "rejected": 0, "left_out": 0}
    with open_samples(finished.output, manifest) as (reader, samples):
        facts = {sample.key: read_facts(reader, sample) for sample in samples}
        frames = {sample.key: sample.frames for sample in samples}
    talk = sorted(key for key in facts if key.startswith("talk_mp4_"))
    for key in talk:
        name, _, times = facts[key]["clip"].partition("#")
        start, end = map(int, times.split("-"))
        assert (name, key) == ("talk.mp4", f"talk_mp4_{start}")
        assert 2000 <= end - start <= 3500
        assert abs(frames[key] - (end - start) / 40) <= 1
        assert (facts[key]["actor"], facts[key]["emotion"]) == ("anna", "neutral")
    assert len(talk) == 4
    recordings = {entry.clip: entry for entry in manifest.recordings}
    assert [len(recordings[name].stretches) for name in ("talk.mp4", "chat.mkv")] == [4, 3]
    assert facts[talk[0]]["source_sha256"] == recordings["talk.mp4"].sha256
    assert facts["clip_mp4"]["clip"] == "clip.mp4"


def test_stretches_lie_where_a_face_is_seen_and_somebody_speaks(finished: EtlConfig) -> None:
    manifest = Manifest.model_validate_json((finished.output / "manifest.json").read_bytes())
    entry = next(entry for entry in manifest.recordings if entry.clip == "talk.mp4")
    said = (0.6, 6.5, 9.4, 13.5)
    assert len(entry.stretches) == len(said)
    for (start, end, first, _), at_s in zip(entry.stretches, said, strict=True):
        assert start / 1000 <= at_s
        assert at_s + 1.55 <= end / 1000
        assert not start < 6000 < end
        assert not start < 12000 < end
        assert first == -(-start // 40)
    assert entry.left_out_s["no_face"] == pytest.approx(1.6, abs=0.2)


def test_side_car_landmarks_of_a_stretch_are_those_of_its_frames_in_the_file(
    finished: EtlConfig, source: Path
) -> None:
    points_TLP = np.load(source / "landmarks" / "talk.npy").astype(np.float64)
    manifest = Manifest.model_validate_json((finished.output / "manifest.json").read_bytes())
    entry = next(entry for entry in manifest.recordings if entry.clip == "talk.mp4")
    first_of = {f"talk_mp4_{start}": first for start, _, first, _ in entry.stretches}
    with open_samples(finished.output, manifest) as (reader, samples):
        for sample in (sample for sample in samples if sample.key in first_of):
            expected = alignment(points_TLP[first_of[sample.key]].astype(np.float32))
            found = read_facts(reader, sample)["transform"]
            np.testing.assert_allclose(found, expected, atol=1e-6)


def test_where_a_seek_fails_the_stretches_are_the_same(
    finished: EtlConfig, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretch_frames, "BEFORE_S", (-60.0,))
    config = config_for(source, tmp_path / "out")
    make(config)
    for name in ("mp4", "landmarks.npy"):
        assert members(config.output, name) == members(finished.output, name)


def members(output: Path, name: str) -> dict[str, bytes]:
    """Return one member of every sample of a set, by its key."""
    manifest = Manifest.model_validate_json((output / "manifest.json").read_bytes())
    with open_samples(output, manifest) as (reader, samples):
        return {sample.key: reader.read(sample, (name,))[name] for sample in samples}


def test_a_short_clip_keeps_its_bytes_beside_recordings_and_with_cutting_off(
    finished: EtlConfig, source: Path, tmp_path: Path
) -> None:
    config = config_for(source, tmp_path / "off", stretches={"cut": False})
    manifest = make(config)
    assert manifest.rejected_by_reason == {"too_long": 2}
    assert "recordings" not in json.loads((config.output / "manifest.json").read_bytes())
    for name in ("mp4", "flac", "landmarks.npy"):
        expected = members(finished.output, name)["clip_mp4"]
        assert members(config.output, name) == {"clip_mp4": expected}


def test_files_above_another_length_are_cut_on_demand(source: Path, tmp_path: Path) -> None:
    longer = {**SHORT["stretches"], "longer_than": 1.5}
    config = config_for(source, tmp_path / "out", stretches=longer)
    make(config)
    assert rejected(config.output)["clip.mp4"]["reason"] == "no_voice"  # its tone is no speech


def test_any_order_of_work_and_any_interruption_give_the_same_bytes(
    finished: EtlConfig, source: Path, tmp_path: Path
) -> None:
    config = config_for(source, tmp_path / "backwards")
    make(config, Machines(backwards=True))
    assert digests(config.output) == digests(finished.output)
    config = config_for(source, tmp_path / "stopped")
    seen: list[str] = []
    for dies_after in (1, 1, 2, 3):
        machines = Machines(dies_after=dies_after)
        with pytest.raises(KeyboardInterrupt):
            make(config, machines)
        seen += machines.done
    machines = Machines()
    make(config, machines)
    seen += machines.done
    assert digests(config.output) == digests(finished.output)
    assert len(seen) == len(set(seen))  # nothing that was finished was done again


def test_a_finished_set_is_recognised_without_a_look(
    finished: EtlConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "look_at", None)
    assert again(finished, Machines(dies_after=0)) == "nothing"


def test_a_damaged_shard_is_made_again_from_its_stretches_alone(
    finished: EtlConfig, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished.output, tmp_path / "out")
    config = config_for(source, tmp_path / "out")
    before = digests(config.output)
    tar = next(config.output.glob("*.tar"))
    tar.write_bytes(tar.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(worker, "look_at", None)
    assert again(config) == f"damaged, made again: {tar.name}"
    assert digests(config.output) == before


def test_stretches_of_a_file_share_its_split(source: Path, tmp_path: Path) -> None:
    config = config_for(
        source, tmp_path / "out", split={"by": "clip", "shares": [0.34, 0.33, 0.33]}
    )
    make(config)
    manifest = Manifest.model_validate_json((config.output / "manifest.json").read_bytes())
    split_of: dict[str, set[str]] = {}
    with open_samples(config.output, manifest) as (reader, samples):
        for sample in samples:
            name = str(read_facts(reader, sample)["clip"]).partition("#")[0]
            split_of.setdefault(name, set()).add(manifest.shards[sample.shard].split)
    assert sorted(map(len, split_of.values())) == [1, 1, 1]
    assert len(set.union(*split_of.values())) == 3


def copied(source: Path, folder: Path) -> Path:
    shutil.copytree(source, folder)
    return folder


def test_a_recording_that_was_replaced_is_refused_where_it_has_samples(
    source: Path, tmp_path: Path
) -> None:
    mine = copied(source, tmp_path / "source")
    config = config_for(mine, tmp_path / "out")
    make(config)
    os.utime(mine / "talk.mp4")  # touched, not changed
    assert again(config) == "nothing"
    shutil.copy(mine / "chat.mkv", mine / "talk.mp4")
    with pytest.raises(WrongUse, match=r"4 of its clips are other files now: talk\.mp4#"):
        again(config)


def test_a_recording_without_a_stretch_is_one_rejection_and_tried_again_when_it_changes(
    source: Path, tmp_path: Path
) -> None:
    mine = copied(source, tmp_path / "source")
    write_recording(mine, "talk.mp4", [Shot(6.0)])
    config = config_for(mine, tmp_path / "out")
    assert make(config).clips == {"found": 5, "accepted": 4, "rejected": 1, "left_out": 0}
    assert rejected(config.output)["talk.mp4"]["reason"] == "no_voice"
    assert again(config) == "nothing"
    write_recording(mine, "talk.mp4", TALK)
    machines = Machines()
    assert again(config, machines).startswith("clips that were rejected before were processed")
    assert set(machines.done) == {"talk.mp4", *(n for n in machines.done if "talk.mp4#" in n)}
    assert inspect(config.output).ok
    fresh = config_for(mine, tmp_path / "fresh")
    make(fresh)
    assert digests(config.output) == digests(fresh.output)


def test_a_recording_all_of_whose_stretches_are_rejected_is_looked_at_anew_when_it_changes(
    source: Path, tmp_path: Path
) -> None:
    mine = copied(source, tmp_path / "source")
    config = config_for(mine, tmp_path / "out", quality={"max_seconds": 4, "min_loudness_db": -30})
    write_recording(mine, "talk.mp4", [TALK[0], Shot(2.0)], seed=1)
    found = np.load(mine / "landmarks" / "talk.npy")
    found[40] = np.nan  # between two frames that are looked at
    np.save(mine / "landmarks" / "talk.npy", found)
    manifest = make(config)
    assert manifest.rejected_by_reason == {"no_face": 1}
    (name,) = rejected(config.output)
    assert name.startswith("talk.mp4#")
    assert again(config) == "nothing"
    write_recording(mine, "talk.mp4", TALK)
    again(config)
    assert rejected(config.output) == {}
    assert inspect(config.output).ok


def test_word_times_of_a_recording_are_those_of_each_stretch(source: Path, tmp_path: Path) -> None:
    mine = copied(source, tmp_path / "source")
    words = "".join(f"w{n},{at_s},{at_s + 0.4}\n" for n, at_s in enumerate((0.7, 1.2, 6.6, 13.6)))
    (mine / "talk.words.csv").write_text(f"word,start,end\n{words}")
    config = config_for(mine, tmp_path / "out")
    manifest = make(config)
    found = {}
    with open_samples(config.output, manifest) as (reader, samples):
        for sample in samples:
            facts = read_facts(reader, sample)
            for word in facts.get("words", ()):
                begins = int(facts["clip"].partition("#")[2].partition("-")[0]) / 1000
                found[word["word"]] = begins + word["start"]
    assert found == {
        "w0": pytest.approx(0.7, abs=0.05),
        "w1": pytest.approx(1.2, abs=0.05),
        "w2": pytest.approx(6.6, abs=0.05),
        "w3": pytest.approx(13.6, abs=0.05),
    }


def test_progress_is_logged_while_a_recording_is_looked_at(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(look_progress, "NOTE_EVERY_S", 0.0)
    monkeypatch.setattr(look_progress, "SHOW_EVERY_S", 0.001)
    monkeypatch.setattr(logging.getLogger("emotalk"), "propagate", True)
    with caplog.at_level(logging.INFO, "emotalk.etl"):
        make(config_for(source, tmp_path / "out"))
    lines = {record.getMessage() for record in caplog.records}
    assert "talk_mp4: 0 of 0 min looked at" in lines
    assert any(line.startswith("talk.mp4: 4 stretches, 8 of 16 s; left out") for line in lines)


def test_crashes_and_deaths_of_a_look_are_counted_and_tried_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(source, tmp_path / "out")

    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("in a look")

    with monkeypatch.context() as broken:
        broken.setattr(worker, "look_at", fails)
        assert make(config).rejected_by_reason == {"crashed": 2}
    assert again(config).startswith("clips that were rejected before were processed again")
    assert rejected(config.output) == {}
    assert inspect(config.output).ok


def test_a_file_that_is_written_to_while_it_is_read_is_named_and_tried_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = copied(source, tmp_path / "source")
    config = config_for(mine, tmp_path / "out")
    real, data = voice_activity.speech_probabilities, (mine / "chat.mkv").read_bytes()
    grown: list[int] = []

    def grows(sound: Any) -> Any:
        if not grown:
            grown.append((mine / "chat.mkv").write_bytes(data + b"more"))
        return real(sound)

    with monkeypatch.context() as growing:
        growing.setattr(look, "speech_probabilities", grows)
        make(config)
    found = rejected(config.output)
    assert {name: line["reason"] for name, line in found.items()} == {"chat.mkv": "file_changed"}
    assert "wait until it is written" in found["chat.mkv"]["detail"]
    again(config)
    assert rejected(config.output) == {}


def test_a_file_that_grows_after_it_was_cut_is_one_rejection_and_tried_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = copied(source, tmp_path / "source")
    config = config_for(mine, tmp_path / "out")
    real = with_stretches

    def grows(*arguments: Any) -> Any:
        with (mine / "chat.mkv").open("ab") as file:
            file.write(b"more")
        return real(*arguments)

    with monkeypatch.context() as growing:
        growing.setattr(process, "with_stretches", grows)
        manifest = make(config)
    assert manifest.clips == {"found": 6, "accepted": 5, "rejected": 1, "left_out": 0}
    assert manifest.rejected_by_reason == {"file_changed": 1}
    assert [entry.clip for entry in manifest.recordings] == ["talk.mp4"]
    again(config)
    assert rejected(config.output) == {}
    assert inspect(config.output).ok
