"""Ray: the machines that do the work. The only file that knows it.

Tasks are small and pure: they receive names and write files under names that appear when complete,
so that a task may be run again after its worker died.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.exceptions import OutOfMemoryError, RayTaskError, WorkerCrashedError

from emotalk.errors import WrongUse

Item = TypeVar("Item")
Result = TypeVar("Result")

TRIES_AFTER_DEATH = 5
PROJECT = Path(__file__).resolve().parents[1]


class WorkerDied(Exception):  # noqa: N818  an outcome, handed to the caller as a value
    """The worker of a task died every time it was tried."""


@dataclass(frozen=True)
class Cluster:
    """A connection to Ray.

    Attributes:
        workers: how many tasks run at once, at most.
        queued: how many more are handed over ahead, so that no worker waits for the driver.
    """

    workers: int
    queued: int

    def stream(
        self, function: Callable[..., Result], items: Iterable[Item], *shared: Any
    ) -> Iterator[tuple[Item, Result | WorkerDied]]:
        """Yield each item with the result of `function(item, *shared)`, in order of completion.

        A bounded number of tasks is under way, so memory does not grow with the number of items.

        Raises:
            Exception: whatever `function` raises, as it raised it.
        """
        task = ray.remote(num_cpus=1, max_retries=TRIES_AFTER_DEATH)(function)
        references = [ray.put(value) for value in shared]
        waiting = iter(items)
        running: dict[Any, Item] = {}
        while True:
            for item in islice(waiting, self.workers + self.queued - len(running)):
                running[task.remote(item, *references)] = item
            if not running:
                return
            done, _ = ray.wait(list(running), num_returns=1)
            yield running.pop(done[0]), _result(done[0])


def _result(reference: Any) -> Any:
    try:
        return ray.get(reference)
    except RayTaskError as error:
        raise error.cause from error
    except (WorkerCrashedError, OutOfMemoryError) as error:
        return WorkerDied(str(error).strip().splitlines()[0])


@contextmanager
def cluster(address: str | None, workers: int) -> Iterator[Cluster]:
    """Connect to a Ray cluster, or start one on this machine for as long as the block lasts.

    Args:
        address: of a cluster; `local` for an own one whatever else runs. None: RAY_ADDRESS, else
            the cluster that `ray start` made on this machine, else an own one.
        workers: most tasks at once; 0: one for each CPU of the cluster.

    Raises:
        WrongUse: there is no cluster at the address.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ["PYTHONPATH"] = _with_project(os.environ.get("PYTHONPATH", ""))
    _connect(address)
    try:
        cpus = int(ray.cluster_resources().get("CPU", 1))
        used = min(workers, cpus) if workers else cpus
        yield Cluster(used, queued=used if used == cpus else 0)
    finally:
        ray.shutdown()


def in_a_ray_job() -> bool:
    """Return whether this process was started by `ray job submit`."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ


def _connect(address: str | None) -> None:
    options: dict[str, Any] = {}
    if not in_a_ray_job():  # a job brings the project with it as its working directory
        options["runtime_env"] = {"env_vars": {"PYTHONPATH": os.environ["PYTHONPATH"]}}
    try:
        ray.init(
            address=address,
            include_dashboard=False if address == "local" else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **options,
        )
    except (ConnectionError, ValueError) as error:
        raise WrongUse(
            f"ray: cannot reach the cluster at {address or os.environ.get('RAY_ADDRESS')}: "
            f"{str(error).strip().splitlines()[0]}; check ray_address and RAY_ADDRESS, or set "
            "ray_address=local for one on this machine"
        ) from None


def _with_project(path: str) -> str:
    parts = [part for part in path.split(os.pathsep) if part and part != str(PROJECT)]
    return os.pathsep.join([str(PROJECT), *parts])
