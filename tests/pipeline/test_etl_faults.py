"""Disks that fill up, rot or close, sources that go away: said clearly, nothing half, gone on."""

import errno
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from emotalk.config.etl import EtlConfig
from emotalk.errors import Stopped
from etl.job.finished_set import is_finished
from etl.job.output import lock_output, read_manifest
from etl.job.plan import make_plan
from etl.job.repair import damaged_shards, repair
from etl.job.run import run_job
from etl.job.verdict import Verdict
from etl.paths import disk_fault
from tests.helpers.clips import write_clip, write_crema_d
from tests.helpers.etl_run import PROJECT, SHARD_PY, EtlRun, digests, finished_clips
from tests.helpers.real_shards import Quiet

CLIPS, SHARDS = 9, 3
CONFIG = str(PROJECT / "configs" / "etl" / "crema_d.yaml")


@dataclass
class Disturbed:
    """Works off tasks one after the other; before some of them something happens."""

    happens: Callable[[], object] = lambda: None
    before: int = -1
    done: list[Any] = field(default_factory=list)
    workers: int = 1

    def stream(
        self, function: Callable[..., Any], items: Iterable[Any], *shared: Any
    ) -> Iterator[tuple[Any, Any]]:
        for item in items:
            if len(self.done) == self.before:
                self.happens()
            yield item, function(item, *shared)
            self.done.append(item)


@dataclass
class Kept:
    count: int = 0

    def clip_done(self, verdict: Verdict, *, reused: bool) -> None:
        del verdict
        self.count += reused

    def recording_done(self, stretches: int) -> None:
        del stretches


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_crema_d(tmp_path_factory.mktemp("corpus"))


def config_for(source: Path, output: Path, **more: object) -> EtlConfig:
    return EtlConfig.model_validate(
        {"corpus": "crema_d", "source": str(source), "output": str(output),
         "landmarks": {"backend": "sidecar"}, **more}
    )  # fmt: skip


def make(config: EtlConfig, machines: Disturbed | None = None) -> int:
    """Run a job; return how many clips it had finished before."""
    kept = Kept()
    with lock_output(config.output):
        run_job(config, make_plan(config), machines or Disturbed(), kept)
    return kept.count


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> dict[str, str]:
    output = tmp_path_factory.mktemp("wanted") / "out"
    make(config_for(corpus, output))
    return digests(output)


def die() -> None:
    raise KeyboardInterrupt


def broken_off(config: EtlConfig, *, after: int) -> None:
    """Run a job that is killed after some clips and shards."""
    with pytest.raises(KeyboardInterrupt):
        make(config, Disturbed(die, before=after))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(bytes(data))


@contextmanager
def file_system(folder: Path, *options: str) -> Iterator[Path]:
    """Lend a file system of its own."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def halves(output: Path) -> list[str]:
    """Return the files under final names that an interrupted job should not have made."""
    return [path.name for path in output.iterdir() if path.name != ".work"]


def test_a_finished_clip_that_rots_is_made_again(
    tmp_path: Path, corpus: Path, wanted: dict[str, str]
) -> None:
    config = config_for(corpus, tmp_path / "out")
    broken_off(config, after=6)
    rotten, *_ = config.output.glob(".work/*/*/*.clip")
    flip(rotten)
    assert make(config) == 6, "its members are read when its shard is written"
    assert digests(config.output) == wanted


def test_a_clip_whose_verdict_rots_is_made_again(
    tmp_path: Path, corpus: Path, wanted: dict[str, str]
) -> None:
    config = config_for(corpus, tmp_path / "out")
    broken_off(config, after=6)
    rotten, *_ = config.output.glob(".work/*/*/*.clip")
    rotten.write_bytes(b"\0" + rotten.read_bytes()[1:])
    assert make(config) == 5
    assert digests(config.output) == wanted


def test_clips_that_rot_while_the_job_runs_are_made_again(
    tmp_path: Path, corpus: Path, wanted: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    config = config_for(corpus, tmp_path / "out")

    def rot() -> None:
        one, other, *_ = config.output.glob(".work/*/*/*.clip")
        flip(one)
        other.unlink()

    make(config, Disturbed(rot, before=CLIPS))
    assert digests(config.output) == wanted
    assert "damaged or removed since they were written" in caplog.text


def test_a_disk_that_damages_clips_again_and_again_stops_the_job(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(corpus, tmp_path / "out")
    monkeypatch.setattr("etl.job.store.sealed", lambda data: bytes(32) + data)
    with pytest.raises(Stopped, match=r"damaged or removed since .* start again"):
        make(config)
    assert halves(config.output) == []


def test_finished_shards_stay_and_a_rotten_one_is_made_again(
    tmp_path: Path, corpus: Path, wanted: dict[str, str]
) -> None:
    config = config_for(corpus, tmp_path / "out")
    broken_off(config, after=CLIPS + SHARDS - 1)
    whole, rotten = sorted(config.output.glob("*.tar"))
    flip(rotten)
    before = {path: path.stat().st_ino for path in (whole, rotten)}
    assert make(config) == CLIPS
    assert whole.stat().st_ino == before[whole]
    assert rotten.stat().st_ino != before[rotten]
    assert digests(config.output) == wanted


def test_a_rotten_index_is_made_again(tmp_path: Path, corpus: Path, wanted: dict[str, str]) -> None:
    config = config_for(corpus, tmp_path / "out")
    broken_off(config, after=CLIPS + SHARDS - 1)
    flip(next(config.output.glob("*.index.json")))
    make(config)
    assert digests(config.output) == wanted


@pytest.mark.parametrize("number", range(SHARDS))
def test_a_shard_of_a_finished_set_that_rots_is_made_again_from_its_clips_alone(
    tmp_path: Path, corpus: Path, wanted: dict[str, str], number: int
) -> None:
    config = config_for(corpus, tmp_path / "out", samples_per_shard=2)
    make(config)
    whole = digests(config.output)
    tars = sorted(config.output.glob("*.tar"))
    flip(tars[number])
    tars[number + 2].with_name(tars[number + 2].stem + ".index.json").unlink()
    machines, plan = Disturbed(), make_plan(config)
    assert is_finished(config, plan)
    broken = [tars[number].name, tars[number + 2].name]
    manifest = read_manifest(config.output)
    assert manifest is not None
    assert sorted(damaged_shards(config.output, manifest)) == broken
    with lock_output(config.output):
        assert sorted(repair(config, plan, manifest, machines, Quiet())) == broken
    assert digests(config.output) == whole
    assert len(machines.done) < CLIPS, "not every clip was opened again"


def test_a_rotten_shard_whose_clips_are_others_now_is_left_as_it_is(tmp_path: Path) -> None:
    source = write_crema_d(tmp_path / "corpus")
    config = config_for(source, tmp_path / "out")
    make(config)
    tar = next(config.output.glob("train-*.tar"))
    flip(tar)
    rotten = digests(config.output)
    key = json.loads(tar.with_suffix(".index.json").read_text())["samples"][0]["key"]
    write_clip(source / "VideoFlash" / f"{key}.flv", seconds=0.6, seed=99)
    plan, manifest = make_plan(config), read_manifest(config.output)
    assert manifest is not None
    with (
        pytest.raises(Stopped, match=rf"{tar.name}: damaged, and cannot be made again"),
        lock_output(config.output),
    ):
        repair(config, plan, manifest, Disturbed(), Quiet())
    assert {name: digests(config.output)[name] for name in rotten} == rotten


def test_shards_of_other_settings_that_a_broken_off_run_left_go(
    tmp_path: Path, corpus: Path, wanted: dict[str, str]
) -> None:
    config = config_for(corpus, tmp_path / "out")
    broken_off(config_for(corpus, config.output, samples_per_shard=1), after=CLIPS + 8)
    assert len(list(config.output.glob("*.tar"))) == 8
    make(config)
    assert digests(config.output) == wanted


@pytest.mark.slow
def test_a_full_disk_stops_the_job_with_one_message_and_the_rest_is_done_later(
    tmp_path: Path, corpus: Path, wanted: dict[str, str]
) -> None:
    with file_system(tmp_path / "disk", "size=300k") as disk:
        output = disk / "out"
        code, said = EtlRun(
            CONFIG, f"source={corpus}", f"output={output}", "landmarks.backend=sidecar",
            "workers=1", "ray_address=local",
        ).finish()  # fmt: skip
        assert code == 1, said
        assert "the disk is full; make room and start again: finished clips are kept" in said
        assert "Traceback" not in said
        assert halves(output) == []
        kept = finished_clips(output)
        assert 0 < kept < CLIPS
        subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
        assert make(config_for(corpus, output)) == kept
        assert digests(output) == wanted


def test_a_disk_that_is_full_when_shards_are_written_leaves_no_half_shard(
    tmp_path: Path, corpus: Path, wanted: dict[str, str]
) -> None:
    with file_system(tmp_path / "disk", "size=100m") as disk:
        config = config_for(corpus, disk / "out")
        filler = disk / "filler"

        def fill() -> None:
            free = os.statvfs(disk)
            filler.write_bytes(bytes(free.f_bavail * free.f_frsize - 90_000))

        with pytest.raises(OSError, match="No space left") as caught:
            make(config, Disturbed(fill, before=CLIPS))
        assert "the disk is full" in disk_fault(caught.value)
        assert halves(config.output) == []
        filler.unlink()
        assert make(config) == CLIPS
        assert digests(config.output) == wanted


@pytest.mark.parametrize("fault", [errno.EIO, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_whatever_a_disk_answers_while_shards_are_written_leaves_no_half_shard(
    tmp_path: Path,
    corpus: Path,
    wanted: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    fault: int,
) -> None:
    config = config_for(corpus, tmp_path / "out")

    def refuse(_: int) -> None:
        raise OSError(fault, os.strerror(fault))

    def begin() -> None:
        monkeypatch.setattr("emotalk.files.atomic_write.os.fsync", refuse)

    with pytest.raises(OSError, match=os.strerror(fault)) as caught:
        make(config, Disturbed(begin, before=CLIPS + 1))
    monkeypatch.undo()
    assert disk_fault(caught.value)
    assert len(halves(config.output)) == 2, "the first tar and its index"
    assert make(config) == CLIPS
    assert digests(config.output) == wanted


def test_a_limit_on_file_sizes_is_said_and_leaves_no_half_shard(
    tmp_path: Path, corpus: Path
) -> None:
    """Where nothing may be mounted: what `ulimit -f` does."""
    config = config_for(corpus, tmp_path / "out")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = 120_000  # more than a clip, less than a shard

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))

    try:
        with pytest.raises(OSError, match="File too large") as caught:
            make(config, Disturbed(limit, before=CLIPS))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "ulimit -f" in disk_fault(caught.value)
    assert halves(config.output) == []
    assert finished_clips(config.output) == CLIPS


@pytest.mark.parametrize("place", ["output", "source"])
def test_a_folder_without_permission_is_wrong_use(tmp_path: Path, corpus: Path, place: str) -> None:
    closed = tmp_path / "closed"
    shutil.copytree(corpus, closed)
    (closed / "VideoFlash" if place == "source" else closed).chmod(0o100)
    folders = {"source": corpus, "output": tmp_path / "out", place: closed}
    words = [f"{key}={folder}" for key, folder in folders.items()]
    command = [sys.executable, SHARD_PY, CONFIG, *words, "landmarks.backend=sidecar"]
    without = "-dac_override,-dac_read_search"  # the administrator's pass through all doors
    as_others = ["setpriv", f"--inh-caps={without}", f"--bounding-set={without}"]
    if not os.getuid() and shutil.which("setpriv") is None:
        pytest.skip("setpriv is not here, and an administrator has every permission")
    run = subprocess.run(
        command if os.getuid() else [*as_others, *command],
        capture_output=True,
        text=True,
        check=False,
    )
    closed.chmod(0o700)
    (closed / "VideoFlash").chmod(0o700)
    assert run.returncode == 2, run.stderr
    assert f"{place}: cannot" in run.stderr
    assert "Permission denied" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.slow
def test_a_source_that_goes_away_stops_the_job_and_judges_no_clip(
    tmp_path: Path, wanted: dict[str, str]
) -> None:
    source, away = write_crema_d(tmp_path / "corpus", seconds=0.6), tmp_path / "away"
    output = tmp_path / "out"
    run = EtlRun(
        CONFIG, f"source={source}", f"output={output}", "landmarks.backend=sidecar",
        "workers=1", "ray_address=local",
    )  # fmt: skip
    run.wait_for(lambda: finished_clips(output) >= 2)
    source.rename(away)
    code, said = run.finish()
    assert code == 1, said
    assert f"source: {source} cannot be read any more (No such file or directory) on " in said
    assert "finished clips are kept" in said
    assert "Traceback" not in said
    assert halves(output) == []
    away.rename(source)
    assert 2 <= make(config_for(source, output)) < CLIPS
    assert {**digests(output), "manifest.json": ""} == {**wanted, "manifest.json": ""}


def test_what_workers_are_handed_are_names_not_pixels(tmp_path: Path, corpus: Path) -> None:
    sizes: dict[str, list[int]] = {}

    class Weighing(Disturbed):
        def stream(
            self, function: Callable[..., Any], items: Iterable[Any], *shared: Any
        ) -> Iterator[tuple[Any, Any]]:
            for item, result in super().stream(function, items, *shared):
                handed = len(pickle.dumps((item, shared)))
                sizes.setdefault(function.__name__, []).extend([handed, len(pickle.dumps(result))])
                yield item, result

    config = config_for(corpus, tmp_path / "out")
    with lock_output(config.output):
        run_job(config, make_plan(config), Weighing(), Quiet())
    assert {name: len(found) for name, found in sizes.items()} == {
        "process_clip": 2 * CLIPS, "_make_shard": 2 * SHARDS
    }  # fmt: skip
    one_crop = 128 * 128 * 3
    assert max(max(found) for found in sizes.values()) < one_crop / 4
