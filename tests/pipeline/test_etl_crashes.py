"""An exception that nobody foresaw costs one clip; many in a row or the machine's stop the job."""

import errno
import json
import logging
import os
import socket
from pathlib import Path
from typing import Any

import cv2
import pytest

from emotalk.errors import Stopped
from emotalk.schema import AlignedSample
from etl.clip.crash import Crash
from etl.clip.sample import make_sample as made
from etl.cluster import cluster
from etl.corpora.listing import SourceClip
from etl.job import worker
from etl.job.output import lock_output
from etl.job.plan import make_plan
from etl.job.run import run_job
from etl.job.verdict import Verdict
from etl.paths import disk_fault
from etl.recording.recording import Recording
from tests.helpers.clips import write_crema_d
from tests.helpers.etl_run import digests, finished_clips
from tests.helpers.real_shards import InThisProcess, Quiet
from tests.pipeline.test_etl import config_for, make

CLIPS = 9
BAD = "1002_IEO_ANG_HI"
ENDS = "EMOTALK_TEST_CRASHING_CLIP"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_crema_d(tmp_path_factory.mktemp("corpus"))


def crash_at(patch: pytest.MonkeyPatch, fault: Exception, *keys: str) -> None:
    """Let the work on these clips (none named: on all) end in an exception."""

    def make_sample(clip: SourceClip, *rest: Any) -> AlignedSample:
        if not keys or clip.label.key in keys:
            raise fault
        return made(clip, *rest)

    patch.setattr(worker, "make_sample", make_sample)


def rejected_of(output: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (output / "rejected.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (IndexError("list index out of range"), "IndexError: list index out of range"),
        (cv2.error("!_src.empty() in function 'cvtColor'"), "cv2.error: !_src.empty() in func"),
        (MemoryError("Unable to allocate 353 GiB"), "MemoryError: Unable to allocate 353 GiB"),
        (RecursionError("\x1b[31mdeep\x1b[0m"), r"RecursionError: \x1b[31mdeep\x1b[0m"),
        (OSError(errno.EINVAL, "Invalid argument"), "OSError: [Errno 22] Invalid argument"),
    ],
)
def test_one_clip_s_exception_leaves_out_that_clip_alone(
    tmp_path: Path,
    corpus: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: Exception,
    text: str,
) -> None:
    crash_at(monkeypatch, fault, BAD)
    with caplog.at_level(logging.WARNING, "emotalk.etl"):
        manifest = make(config_for(corpus, tmp_path / "out"))
    assert manifest.clips == {"found": 9, "accepted": 8, "rejected": 1, "left_out": 0}
    assert manifest.rejected_by_reason == {"crashed": 1}
    (line,) = rejected_of(tmp_path / "out")
    assert (line["clip"], line["reason"]) == (f"VideoFlash/{BAD}.flv", "crashed")
    assert line["detail"].startswith(text)
    assert line["detail"].isprintable()
    assert f"{BAD}.flv: crashed on {socket.gethostname()}" in caplog.text
    assert "Traceback (most recent call last)" in caplog.text


def test_a_clip_that_crashed_is_tried_again_when_the_job_goes_on(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(corpus, tmp_path / "out")
    with monkeypatch.context() as patch:
        crash_at(patch, IndexError("x"), BAD)
        patch.setattr("etl.job.run.write_shards", lambda *_: 1 / 0)  # broken off after judging
        with pytest.raises(ZeroDivisionError):
            make(config)
    assert finished_clips(config.output) == CLIPS - 1
    make(config)
    make(config_for(corpus, tmp_path / "undisturbed"))
    assert digests(config.output) == digests(tmp_path / "undisturbed")


def test_many_crashes_in_a_row_stop_the_job_and_its_advice_works(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash_at(monkeypatch, IndexError("out of range"))
    with pytest.raises(
        Stopped,
        match=rf"4 clips in a row crashed on {socket.gethostname()}, the last one VideoFlash/\S+: "
        r"IndexError: out of range .*max_crashes_in_a_row",
    ):
        make(config_for(corpus, tmp_path / "out", max_crashes_in_a_row=4))
    manifest = make(config_for(corpus, tmp_path / "out", max_crashes_in_a_row=100))
    assert manifest.rejected_by_reason == {"crashed": CLIPS}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.ESTALE, errno.EMFILE])
def test_a_fault_of_the_machine_stops_the_job_and_names_it(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    crash_at(monkeypatch, OSError(number, os.strerror(number), "/scratch/x"), BAD)
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        make(config_for(corpus, tmp_path / "out"))
    said = disk_fault(caught.value)
    assert said.startswith("/scratch/x: ")
    assert said.endswith(f"(on {socket.gethostname()}, at VideoFlash/{BAD}.flv)")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_clip_that_a_faulty_disk_does_not_give_is_not_called_damaged(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.open

    def faulty(path: Path, *rest: Any, **more: Any) -> Any:
        if path.name == f"{BAD}.flv":
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return whole(path, *rest, **more)

    monkeypatch.setattr(Path, "open", faulty)
    with pytest.raises(OSError, match="Input/output error"):
        make(config_for(corpus, tmp_path / "out"))


def test_a_node_without_memory_stops_the_job(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash_at(monkeypatch, MemoryError(), BAD)
    monkeypatch.setattr("etl.clip.crash.WORKING_BYTES", 2**60)
    with pytest.raises(
        Stopped, match=rf"{socket.gethostname()}: out of memory at VideoFlash/{BAD}"
    ):
        make(config_for(corpus, tmp_path / "out"))


@pytest.mark.parametrize("error", [IndexError("x"), OSError(errno.ESTALE, "Stale file handle")])
def test_a_source_that_is_gone_stops_the_job_whatever_the_clip_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    source = write_crema_d(tmp_path / "corpus")
    config = config_for(source, tmp_path / "out")
    plan = make_plan(config)
    source.rename(tmp_path / "away")
    crash_at(monkeypatch, error)
    with pytest.raises(Stopped, match="cannot be read any more"), lock_output(config.output):
        run_job(config, plan, InThisProcess(), Quiet())


def crashing(clip: SourceClip, *rest: Any) -> Verdict | Recording | Crash:
    """Work on a clip as `process_clip` does; run by Ray's workers, where nothing is patched yet."""
    with pytest.MonkeyPatch.context() as patch:
        crash_at(patch, IndexError("list index out of range"), os.environ[ENDS])
        return worker.process_clip(clip, *rest)


def test_on_ray_too_a_crash_costs_one_clip(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDS, BAD)
    monkeypatch.setattr("etl.job.process.process_clip", crashing)
    config = config_for(corpus, tmp_path / "ray")
    with lock_output(config.output), cluster("local", 1) as machines:
        manifest = run_job(config, make_plan(config), machines, Quiet())
    assert manifest.rejected_by_reason == {"crashed": 1}
    with monkeypatch.context() as patch:
        crash_at(patch, IndexError("list index out of range"), BAD)
        make(config_for(corpus, tmp_path / "alone"))
    ray, alone = digests(tmp_path / "ray"), digests(tmp_path / "alone")
    assert {n: d for n, d in ray.items() if n.endswith(".tar")} == {
        n: d for n, d in alone.items() if n.endswith(".tar")
    }
    assert rejected_of(tmp_path / "ray")[0]["detail"].startswith("IndexError: list index out of")
