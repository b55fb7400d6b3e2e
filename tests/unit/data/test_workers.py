"""Loader workers that die, hang or find no room end the training with a message, never silently."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from emotalk.config.data import DataConfig
from emotalk.data import workers
from emotalk.data.batch import ClipBatch
from emotalk.data.loader import ClipLoader, build_loader
from emotalk.data.workers import Interrupted, WorkerLost, children
from emotalk.schema import EMOTIONS
from emotalk.shards.shard_set import ShardSet
from tests.helpers.shard_set import made_clips, write_shard_set
from tests.helpers.tiny_training import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shard_set(tmp_path_factory.mktemp("set"), [("train", made_clips(4))])


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch look for dead workers every fifth of a second instead of every five."""
    monkeypatch.setattr(_MultiProcessingDataLoaderIter._try_get_data, "__defaults__", (0.2,))


def loader_of(folder: Path, **options: float) -> ClipLoader:
    config = DataConfig.model_validate({"workers": 1, "batch_size": 2, "frames": 8, **options})
    return build_loader(config, ShardSet.open(str(folder)), "train", 3, EMOTIONS)


def begun(loader: ClipLoader) -> tuple[Iterator[ClipBatch], psutil.Process]:
    """Return the batches, one of them read, and the worker behind them."""
    before = children()
    batches = iter(loader)
    next(batches)
    (worker,) = children() - before
    assert worker.pid is not None
    return batches, psutil.Process(worker.pid)


def read_on(batches: Iterator[ClipBatch]) -> None:
    for _ in batches:
        pass


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (signal.SIGKILL, "dmesg.*data.workers=0"),
        (signal.SIGBUS, r"no room in /dev/shm.*data.workers=0.*--shm-size"),
    ],
)
def test_a_worker_that_is_killed_is_named_with_what_to_do(
    folder: Path, number: signal.Signals, advice: str
) -> None:
    batches, worker = begun(loader_of(folder))
    worker.send_signal(number)
    with pytest.raises(
        WorkerLost, match=rf"worker {worker.pid} was killed by {number.name}.*{advice}"
    ):
        read_on(batches)


def test_a_worker_that_falls_silent_is_ended_and_named(folder: Path) -> None:
    batches, worker = begun(loader_of(folder, silence_s=1))
    worker.suspend()
    with pytest.raises(WorkerLost, match=rf"silence_s .worker {worker.pid} is stopped.*disk"):
        read_on(batches)
    assert not worker.is_running()


def test_a_training_that_is_asked_to_stop_waits_no_longer_for_a_hanging_worker(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "STOP_S", 0.5)
    asked: list[bool] = []
    loader = loader_of(folder)
    loader.stop_requested = lambda: bool(asked)
    batches, worker = begun(loader)
    worker.suspend()
    asked.append(True)
    with pytest.raises(Interrupted):
        read_on(batches)


def test_a_worker_that_only_waits_is_not_taken_for_silent(folder: Path) -> None:
    """The training is busy for longer than the workers may be silent."""
    batches, _ = begun(loader_of(folder, silence_s=0.6))
    time.sleep(2.0)
    assert next(batches).valid_B.all()


def test_a_death_is_raised_where_a_batch_is_waited_for_and_nowhere_else(folder: Path) -> None:
    """torch's own handler would raise it in the middle of an update."""
    before = signal.getsignal(signal.SIGCHLD)
    batches, worker = begun(loader_of(folder))
    assert signal.getsignal(signal.SIGCHLD) == before
    worker.kill()
    for _ in range(20):
        time.sleep(0.01)
    with pytest.raises(WorkerLost):
        read_on(batches)


@pytest.mark.slow  # torch waits ten seconds before it gives up
def test_closing_ends_a_worker_that_hangs(folder: Path) -> None:
    batches, worker = begun(loader_of(folder))
    worker.suspend()
    batches.close()  # type: ignore[attr-defined]
    assert not worker.is_running()


SCRIPT = """
import os, sys, time
from emotalk.config.data import DataConfig
from emotalk.data.loader import build_loader
from emotalk.data.workers import children
from emotalk.errors import Stopped
from emotalk.schema import EMOTIONS
from emotalk.shards.shard_set import ShardSet
config = DataConfig(workers=1, prefetch=1, batch_size=2, frames=8)
batches = iter(build_loader(config, ShardSet.open(sys.argv[1]), "train", 0, EMOTIONS))
next(batches)
"""


def test_a_worker_ends_with_a_training_that_is_killed_even_if_it_hangs(folder: Path) -> None:
    """Else it would keep the training's sockets open, and no peer would notice the loss."""
    script = SCRIPT + "print([w.pid for w in children()][0], flush=True); time.sleep(60)"
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    worker = psutil.Process(int(parent.stdout.readline()))
    worker.suspend()
    parent.kill()
    parent.wait()
    worker.wait(timeout=30)


@pytest.mark.skipif(
    shutil.which("unshare") is None or os.geteuid() != 0, reason="needs a mount of its own (root)"
)
def test_a_batch_that_finds_no_room_is_said_so(folder: Path) -> None:
    """As small as a container's, and filled by somebody else once the reading has begun."""
    script = SCRIPT + (
        "try:\n  open('/dev/shm/fill', 'wb').write(bytes(8 << 20))\nexcept OSError: pass\n"
        "try:\n  for _ in batches: pass\nexcept Stopped as error: sys.exit(str(error))\n"
    )
    mounted = 'mount -t tmpfs -o size=6m tmpfs /dev/shm && exec "$@"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", mounted, "sh", sys.executable, "-c", script, str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    if "mount" in done.stderr:
        pytest.skip("this user may not mount")
    assert done.returncode == 1, done.stderr
    assert "a batch found no room in /dev/shm (" in done.stderr
    assert "of 6 MiB free)" in done.stderr
    assert "data.workers=0" in done.stderr
    assert "--shm-size" in done.stderr
