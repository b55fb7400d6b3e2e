"""How OpenMP's threads wait: the user's word, the cores' work, and before torch loads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from emotalk import openmp
from emotalk.openmp import busy_share, choose_waiting, cpu_limit
from tests.helpers.tiny_training import ROOT

# user nice system idle iowait irq softirq steal guest guest_nice, in ticks
BEFORE = """\
cpu  9 9 9 9 9 9 9 9 9 9
cpu0 100 0 0 900 0 0 0 0 50 0
cpu1 0 0 0 500 500 0 0 0 0 0
"""
# core 0: 10 user, 5 nice, 3 system, 2 steal of 20 ticks; core 1: 15 idle and 5 waiting for a disk
AFTER = """\
cpu  9 9 9 9 9 9 9 9 9 9
cpu0 110 5 3 900 0 0 0 2 60 0
cpu1 0 0 0 515 505 0 0 0 0 0
"""


@pytest.fixture
def stat(tmp_path: Path) -> Path:
    path = tmp_path / "stat"
    path.write_text(BEFORE, encoding="ascii")
    return path


def shares(stat: Path, cores: set[int], after: str = AFTER) -> float:
    def sleep(seconds: float) -> None:
        assert 0 < seconds < 1
        stat.write_text(after, encoding="ascii")

    return busy_share(cores, stat=stat, sleep=sleep)


@pytest.mark.parametrize(("cores", "busy"), [({0, 1}, 0.5), ({0}, 1.0), ({1}, 0.0)])
def test_the_share_is_of_the_cores_that_this_process_may_use(
    stat: Path, cores: set[int], busy: float
) -> None:
    assert shares(stat, cores) == pytest.approx(busy)


@pytest.mark.parametrize("after", ["", "cpu0 no numbers", BEFORE])
def test_what_cannot_be_read_counts_as_free(stat: Path, after: str) -> None:
    assert shares(stat, {0, 1}, after) == 0.0
    stat.unlink()
    assert busy_share({0}, stat=stat.with_name("none"), sleep=lambda _: None) == 0.0


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, float("inf")),
        ({"cpu.max": "max 100000\n"}, float("inf")),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, float("inf")),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
    ],
)
def test_a_containers_limit_is_read(tmp_path: Path, files: dict[str, str], cores: float) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="ascii")
    assert cpu_limit(tmp_path) == cores


@pytest.mark.parametrize(
    ("own", "cores"),
    [("0::/\n", 8.0), ("1:cpu:/x\n0::/job/step\n", 3.0), ("0::/job\n", 4.0), ("0::/none/x\n", 8.0)],
)
def test_the_groups_above_a_process_limit_it_too(tmp_path: Path, own: str, cores: float) -> None:
    for name, quota in (("", 800_000), ("job", 400_000), ("job/step", 300_000)):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "cpu.max").write_text(f"{quota} 100000\n", encoding="ascii")
    (tmp_path / "own").write_text(own, encoding="ascii")
    assert cpu_limit(tmp_path, tmp_path / "own") == cores


FREE, BUSY = {"GOMP_SPINCOUNT": "300000"}, {"OMP_WAIT_POLICY": "PASSIVE"}
BUSY_AND_NICE = {"GOMP_SPINCOUNT": "10000"}


def in_a_room(
    monkeypatch: pytest.MonkeyPatch, *, busy: float, limit: float, cores: int, nice: int = 0
) -> None:
    """Let the machine have so many cores, so much of them used by others."""
    monkeypatch.setattr(openmp, "busy_share", lambda cores: busy)
    monkeypatch.setattr(openmp, "cpu_limit", lambda folder: limit)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)))
    monkeypatch.setattr(os, "getpriority", lambda which, who: nice)


@pytest.mark.parametrize(
    ("asked", "cores", "limit", "chosen"),
    [
        ("2", 64, 2.0, FREE),  # no more threads than the container has time for
        ("4", 64, 2.0, BUSY),
        ("4,2", 4, float("inf"), FREE),
        ("4", 2, float("inf"), BUSY),  # they wait for each other's core
        ("", 1, float("inf"), {}),  # one thread waits for nobody
        (" 1 ", 8, float("inf"), {}),
        ("none", 2, float("inf"), FREE),  # OpenMP passes it over
        ("0", 2, 1.0, BUSY),
    ],
)
def test_the_threads_are_counted_against_the_cores(
    monkeypatch: pytest.MonkeyPatch, asked: str, cores: int, limit: float, chosen: dict[str, str]
) -> None:
    in_a_room(monkeypatch, busy=0.0, limit=limit, cores=cores)
    environment = {"OMP_NUM_THREADS": asked}
    choose_waiting(environment)
    assert environment == {"OMP_NUM_THREADS": asked, **chosen}


@pytest.mark.parametrize(
    ("busy", "limit", "nice", "chosen"),
    [
        (0.0, float("inf"), 0, FREE),
        (0.0, float("inf"), 5, FREE),
        (0.5, float("inf"), 0, BUSY),  # one of two cores is taken
        (0.5, float("inf"), 5, BUSY_AND_NICE),  # by somebody who goes first
        (0.5, float("inf"), -5, BUSY),
        (0.0, 1.0, 0, BUSY),  # two cores to see, the time of one
    ],
)
def test_the_choice_follows_the_cores(
    monkeypatch: pytest.MonkeyPatch, busy: float, limit: float, nice: int, chosen: dict[str, str]
) -> None:
    in_a_room(monkeypatch, busy=busy, limit=limit, cores=2, nice=nice)
    environment: dict[str, str] = {}
    choose_waiting(environment)
    assert environment == chosen


@pytest.mark.parametrize(
    "own",
    [{"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "5"}, {"OMP_NUM_THREADS": "1"}],
)
def test_what_the_user_has_set_stays_alone(
    monkeypatch: pytest.MonkeyPatch, own: dict[str, str]
) -> None:
    monkeypatch.setattr(openmp, "busy_share", lambda cores: 1.0)
    environment = dict(own)
    choose_waiting(environment)
    assert environment == own


STARTS = {
    "train.py": "train.py --help",
    "generate": "emotalk generate --checkpoint no --image no --audio no --emotion no --output no",
    "evaluate": "emotalk evaluate --checkpoint no --shards no --output no",
    "app": "emotalk app --checkpoint no",
}
WATCHED = """
import runpy, sys
import emotalk.openmp
def told():
    print("torch" in sys.modules, "chosen")
    raise SystemExit  # what follows would load torch, seconds
emotalk.openmp.choose_waiting = told
try:
    if sys.argv[0] == "train.py":
        runpy.run_path("train.py", run_name="__main__")
    from emotalk.cli import main
    main()
except SystemExit:
    pass
"""


@pytest.mark.parametrize("entry", sorted(STARTS))
def test_every_entry_point_chooses_before_torch_loads(entry: str) -> None:
    words = STARTS[entry].split()
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.argv = {words}\n{WATCHED}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "False chosen" in done.stdout.splitlines(), done.stderr
