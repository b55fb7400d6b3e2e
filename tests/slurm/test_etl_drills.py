"""An ETL whose nodes fail makes the undisturbed set's bytes, or names the node and the remedy.

After each drill nothing stays in the nodes' temporary folders.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers.clips import write_crema_d
from tests.helpers.etl_run import digests, finished_clips, made_in_one_process
from tests.slurm.jobs import ROOT, SLOWER, ended_well, fields, log, submit, wait_until
from tests.slurm.nodes import (
    DISK,
    NODES,
    bring_back,
    full_disk,
    hidden,
    kill_node,
    temporary_files,
)

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(SLOWER * 900)]

CLIPS = 18
NAMED_S = 60.0  # within which node and remedy are to be named
CONFIG = "configs/etl/crema_d.yaml"
Words = tuple[str, ...]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_crema_d(tmp_path_factory.mktemp("corpus") / "drawn", actors=6, seconds=1.0)


@pytest.fixture(scope="module")
def undisturbed(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the digests of the set that one process makes of the corpus."""
    output = tmp_path_factory.mktemp("undisturbed") / "shards"
    return made_in_one_process((str(ROOT / CONFIG), *words_for(corpus)), output)


@pytest.fixture(autouse=True)
def _examined(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let jobs examine their nodes, and start a node again that a test has killed."""
    monkeypatch.setenv("PREFLIGHT", "1")
    yield
    for node in NODES:
        bring_back(node)


def words_for(source: Path) -> Words:
    return (f"source={source}", "landmarks.backend=sidecar", "samples_per_shard=4")


def start(source: Path, output: Path, *sbatch: str, logs: Path) -> str:
    options = ("--cpus-per-task=1", f"--output={logs}/%x-%j.log", *sbatch)
    words = (*words_for(source), f"output={output}")
    return submit(ROOT, *options, "slurm/etl.sbatch", CONFIG, *words)


def wait_for(what: Callable[[], bool], job: str, seconds: float = 300) -> None:
    deadline = time.monotonic() + SLOWER * seconds
    while not what():
        assert time.monotonic() < deadline, log(job)
        assert fields(job)["JobState"] in ("PENDING", "RUNNING"), log(job)
        time.sleep(0.05)


def finished(job: str, restarts: str = "0") -> None:
    end = wait_until(job, "COMPLETED", "FAILED", "NODE_FAIL", "CANCELLED", seconds=500)
    assert (end["JobState"], end["Restarts"]) == ("COMPLETED", restarts), log(job)


def named_in_s(job: str, *words: str) -> float:
    """Return how long after its start a job had named all of these words."""
    wait_until(job, "RUNNING", "COMPLETED", "FAILED", seconds=60)
    began = time.monotonic()
    while not all(word in log(job) for word in words):
        assert time.monotonic() < began + NAMED_S, f"{words} are not all in: {log(job)}"
        time.sleep(0.1)
    return time.monotonic() - began


def test_a_node_that_is_killed_after_ten_clips_changes_no_byte(
    corpus: Path, undisturbed: dict[str, str], tmp_path: Path, nothing_stays: Callable[[], None]
) -> None:
    output = tmp_path / "shards"
    job = start(corpus, output, logs=tmp_path)
    wait_for(lambda: finished_clips(output) >= 10, job)
    kill_node("lab2")
    assert finished_clips(output) < CLIPS, "it was over before: nothing was tested"
    finished(job)
    assert digests(output) == undisturbed
    bring_back("lab2")
    assert f"ray-{job}" not in temporary_files("lab1")
    assert f"ray-{job}" in temporary_files("lab2"), "nobody was there to remove it"
    again = start(corpus, tmp_path / "again", "--nodelist=lab2", "--nodes=1", logs=tmp_path)
    wait_for(lambda: f"ray-{again}" in temporary_files("lab2"), again)
    subprocess.run(["scancel", again], check=True)
    wait_until(again, "CANCELLED", seconds=120)
    nothing_stays()


def test_an_output_that_is_not_shared_is_named_with_node_and_remedy(
    corpus: Path, tmp_path: Path, nothing_stays: Callable[[], None]
) -> None:
    output = DISK / "shards"
    job = start(corpus, output, logs=tmp_path)
    named_in_s(
        job,
        "lab1: does not see what lab2 wrote beside the output: the folder is not shared; choose",
        "lab2: does not see what lab1 wrote beside the output: the folder is not shared; choose",
    )
    assert wait_until(job)["ExitCode"] == "2:0", log(job)
    assert not output.exists()
    nothing_stays()


@pytest.mark.parametrize("node", ["lab1"])  # where the job's own script runs
def test_a_node_whose_disk_is_full_is_named_and_the_other_makes_the_set(
    corpus: Path,
    undisturbed: dict[str, str],
    tmp_path: Path,
    node: str,
    nothing_stays: Callable[[], None],
) -> None:
    output = tmp_path / "shards"
    with full_disk(node):
        job = start(corpus, output, logs=tmp_path)
        named_in_s(job, f"{node}: /tmp has 0.00 GiB left", "make room there", f"without {node}")
        finished(job)
    assert digests(output) == undisturbed
    nothing_stays()


def test_a_disk_that_fills_up_in_the_middle_of_the_work_changes_no_byte(
    corpus: Path, undisturbed: dict[str, str], tmp_path: Path, nothing_stays: Callable[[], None]
) -> None:
    output = tmp_path / "shards"
    job = start(corpus, output, logs=tmp_path)
    wait_for(lambda: finished_clips(output) >= 3, job)
    with full_disk("lab2"):
        assert finished_clips(output) < CLIPS, "it was over before: nothing was tested"
        finished(job)
    assert digests(output) == undisturbed
    nothing_stays()


def test_a_node_that_lacks_the_source_is_named_and_the_other_makes_the_set(
    corpus: Path, undisturbed: dict[str, str], tmp_path: Path, nothing_stays: Callable[[], None]
) -> None:
    source = DISK / "only-lab1" / "corpus"  # lab.sh hides this folder from lab2
    subprocess.run(["cp", "-r", corpus, source], check=True)
    try:
        output = tmp_path / "shards"
        job = start(source, output, logs=tmp_path)
        named_in_s(
            job,
            f"lab2: {source} cannot be read",
            "mount it there",
            "--exclude=lab2",
            "without lab2",
        )
        finished(job)
        assert digests(output) == undisturbed
    finally:
        subprocess.run(["rm", "-r", source], check=True)
    nothing_stays()


def test_a_source_that_a_node_loses_in_the_middle_is_named_and_the_other_makes_the_set(
    corpus: Path, undisturbed: dict[str, str], tmp_path: Path, nothing_stays: Callable[[], None]
) -> None:
    output = tmp_path / "shards"
    job = start(corpus, output, logs=tmp_path)
    wait_for(lambda: finished_clips(output) >= 1, job)
    with hidden("lab2", corpus):
        named_in_s(
            job,
            f"source: {corpus} is empty now on lab2",
            "no clip is rejected for it: the job goes on with lab1",
            "Mount it there again",
        )
        finished(job)
    assert digests(output) == undisturbed
    nothing_stays()


def test_a_source_that_every_node_lacks_is_refused(
    tmp_path: Path, nothing_stays: Callable[[], None]
) -> None:
    job = start(tmp_path / "nowhere", tmp_path / "shards", logs=tmp_path)
    named_in_s(job, *(f"{node}: {tmp_path / 'nowhere'} cannot be read" for node in NODES))
    assert wait_until(job)["ExitCode"] == "2:0", log(job)
    nothing_stays()


def test_a_job_that_is_cancelled_and_submitted_again_goes_on(
    corpus: Path, undisturbed: dict[str, str], tmp_path: Path, nothing_stays: Callable[[], None]
) -> None:
    output = tmp_path / "shards"
    job = start(corpus, output, logs=tmp_path)
    wait_for(lambda: finished_clips(output) >= 5, job)
    subprocess.run(["scancel", job], check=True)
    assert wait_until(job, "CANCELLED", "COMPLETED", seconds=120)["JobState"] == "CANCELLED"
    kept = finished_clips(output)
    assert kept >= 5
    nothing_stays()
    second = start(corpus, output, logs=tmp_path)
    finished(second)
    assert digests(output) == undisturbed
    nothing_stays()


def test_a_job_that_is_told_to_end_comes_back_and_finishes(
    corpus: Path,
    undisturbed: dict[str, str],
    tmp_path: Path,
    nothing_stays: Callable[[], None],
) -> None:
    output = tmp_path / "shards"
    job = start(corpus, output, logs=tmp_path)
    wait_for(lambda: finished_clips(output) >= 1, job)
    subprocess.run(["scancel", "--batch", "--signal=USR1", job], check=True)
    finished(job, restarts="1")
    assert digests(output) == undisturbed
    assert ended_well(job)
    nothing_stays()
