"""Orders wait in turn, a bounded number of them, and any can be given up."""

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emotalk.app.order_queue import Job, OrderQueue, QueueFull
from emotalk.app.server_limits import ServerLimits

WAIT_S = 30.0


class Gate:
    """Work that goes on when it is told to, block by block."""

    def __init__(self) -> None:
        self.started, self.go_on = threading.Event(), threading.Event()

    def work(self, job: Job) -> None:
        self.started.set()
        job.output.write_bytes(b"half a video")
        assert self.go_on.wait(WAIT_S)
        job.show(1, 2)
        job.state = "done"


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[OrderQueue]:
    queue = OrderQueue(tmp_path, ServerLimits(waiting=2, kept_videos=3, abandoned_s=1000.0))
    yield queue
    queue.close()


def put(queue: OrderQueue, work: Callable[[Job], None]) -> tuple[Job, threading.Event]:
    ended = threading.Event()
    return queue.put(work, ended.set), ended


def test_places_are_told_and_one_too_many_is_refused(queue: OrderQueue) -> None:
    gate = Gate()
    first, ended = put(queue, gate.work)
    assert gate.started.wait(WAIT_S)
    rest = [put(queue, lambda job: None) for _ in range(2)]
    assert [queue.place(first), *(queue.place(job) for job, _ in rest)] == [0, 1, 2]
    with pytest.raises(QueueFull):
        queue.put(lambda job: None, lambda: None)
    assert queue.get(first.name) is first, "the first is still known while it is in work"
    gate.go_on.set()
    assert ended.wait(WAIT_S)
    assert first.state == "done"
    assert all(over.wait(WAIT_S) for _, over in rest)
    assert queue.place(rest[1][0]) == 0


def test_what_is_in_work_ends_before_its_next_block_and_leaves_no_file(queue: OrderQueue) -> None:
    gate = Gate()
    job, ended = put(queue, gate.work)
    assert gate.started.wait(WAIT_S)
    queue.cancel(job, "given up")
    gate.go_on.set()
    assert ended.wait(WAIT_S)
    assert (job.state, job.message, job.done) == ("cancelled", "given up", 0)
    assert not job.output.exists()


def test_what_waits_is_given_up_at_once_and_makes_room(queue: OrderQueue) -> None:
    gate = Gate()
    put(queue, gate.work)
    assert gate.started.wait(WAIT_S)
    (second, ended), (third, _) = put(queue, lambda job: None), put(queue, lambda job: None)
    queue.cancel(second, "given up")
    assert ended.is_set()
    assert second.state == "cancelled"
    assert queue.place(third) == 1
    put(queue, lambda job: None)
    gate.go_on.set()


def test_what_nobody_asks_after_is_given_up(tmp_path: Path) -> None:
    queue = OrderQueue(tmp_path, ServerLimits(waiting=1, kept_videos=3, abandoned_s=0.0))
    gate = Gate()
    job, ended = queue.put(gate.work, (over := threading.Event()).set), over
    gate.go_on.set()
    assert ended.wait(WAIT_S)
    assert job.state == "cancelled"
    assert "not requested" in job.message
    queue.close()


def test_abandoned_orders_make_room_for_new_ones(queue: OrderQueue) -> None:
    gate = Gate()
    put(queue, gate.work)
    assert gate.started.wait(WAIT_S)
    old = [put(queue, lambda job: None)[0] for _ in range(2)]
    for job in old:
        job.requested_at -= 2000.0
    new, _ = put(queue, lambda job: None)
    assert [job.state for job in old] == ["cancelled", "cancelled"]
    assert queue.place(new) == 1
    gate.go_on.set()


def test_a_fault_of_ours_is_logged_and_told_without_its_words(
    queue: OrderQueue, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("emotalk").propagate = True

    def fail(_: Job) -> None:
        raise RuntimeError("secret")

    job, ended = put(queue, fail)
    assert ended.wait(WAIT_S)
    assert job.state == "failed"
    assert "secret" not in job.message
    assert "secret" in caplog.text


def test_old_videos_go_with_their_files(queue: OrderQueue) -> None:
    def work(job: Job) -> None:
        job.output.write_bytes(b"video")
        job.state = "done"

    made = []
    for _ in range(6):
        job, ended = put(queue, work)
        assert ended.wait(WAIT_S)
        made.append(job)
    assert [queue.get(job.name) is not None for job in made] == [
        False,
        False,
        True,
        True,
        True,
        True,
    ]
    assert [job.output.exists() for job in made] == [False, False, True, True, True, True]


def test_the_end_of_the_server_ends_all_work(tmp_path: Path) -> None:
    queue = OrderQueue(tmp_path, ServerLimits(waiting=2, kept_videos=3, abandoned_s=1000.0))
    gate = Gate()
    job, _ = put(queue, gate.work)
    other, _ = put(queue, lambda job: None)
    assert gate.started.wait(WAIT_S)
    gate.go_on.set()
    queue.close()
    assert job.state in ("cancelled", "done")
    assert other.state == "cancelled"
    assert list(tmp_path.glob("*.mp4")) == ([] if job.state == "cancelled" else [job.output])
