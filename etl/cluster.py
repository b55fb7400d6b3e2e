"""Run tasks on a Ray cluster; the only file that imports Ray.

Tasks receive names and write files that appear complete under their names, so that a task may run
again after its worker died.
"""

import logging
import os
import shlex
import socket
import tempfile
import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import (
    AuthenticationError,
    NodeDiedError,
    OutOfMemoryError,
    RayTaskError,
    WorkerCrashedError,
)
from ray.util.placement_group import NODE_ID_LABEL_KEY as NODE_ID
from ray.util.scheduling_strategies import NodeLabelSchedulingStrategy, NotIn

from emotalk.errors import WrongUse
from etl.executor import Item, NodeUnfit, Result, WorkerDied
from etl.free_ports import free_ports
from etl.node_start import start_node
from etl.paths import in_a_ray_job

LOG = logging.getLogger("emotalk.etl")
TRIES_AFTER_DEATH = 20  # of one task; then the task counts as the cause
WORKER_BYTES = 1536 * 2**20  # a worker's share of a node's memory; see etl/README.md
LOOK_AGAIN_S = 10.0
MOST_NAMED = 4  # nodes in a message
ANSWER_S = 20.0
SETTINGS = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # If 1, Ray answers its first driver only after workers have started: never if they die before.
    "RAY_prestart_worker_first_driver": "0",
    # How long Ray waits for its own processes, which a machine with other work is slow to start.
    "RAY_gcs_server_port_wait_time_s": "120",
    "RAY_raylet_start_wait_time_s": "90",
    "RAY_agent_register_timeout_ms": "300000",
    "RAY_worker_register_timeout_seconds": "300",
    "RAY_USAGE_STATS_ENABLED": "0",  # Ray's report to its maker
}
"""Ray's environment; what the user has set goes before."""

LISTENS = "dashboard_agent_listen_port"
AGENT_PORTS = ("metrics_agent_port", "metrics_export_port", "runtime_env_agent_port", LISTENS)
PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Cluster:
    """The executor of a connected Ray cluster."""

    limit: int  # most tasks at once; 0: as many as the cluster has room for

    @property
    def workers(self) -> int:
        """Return the number of tasks that run at once on the present nodes."""
        room = _room(_worker_bytes())
        return min(self.limit, room) if self.limit else room

    def stream(
        self, function: Callable[..., Result], items: Iterable[Item], *shared: Any
    ) -> Iterator[tuple[Item, Result | WorkerDied]]:
        """Yield each item with the result of `function(item, *shared)`, in order of completion.

        A bounded number of tasks is submitted at a time, so memory does not grow with the number
        of items: twice as many as run at once, so that no worker waits for the driver. Nodes that
        join get tasks; tasks of lost nodes run on others. A node whose task raises NodeUnfit gets
        no more tasks of this stream; those it had run on others.

        Raises:
            NodeUnfit: every node that lives has raised it.
            Exception: whatever else `function` raises, as it raised it.
        """
        need, aside = _worker_bytes(), _SetAside()
        task = ray.remote(
            name=function.__name__, num_cpus=1, memory=need, max_retries=TRIES_AFTER_DEATH
        )(_on_a_node)
        references = [ray.put(value) for value in (function, *shared)]
        again: deque[Item] = deque()
        waiting = iter(items)
        running: dict[Any, Item] = {}
        under_way, looked = 0, -LOOK_AGAIN_S
        while True:
            if time.monotonic() - looked >= LOOK_AGAIN_S:
                aside.check_others()
                under_way, looked = self._under_way(need, aside.nodes), time.monotonic()
            for item in islice(chain(_taken(again), waiting), max(0, under_way - len(running))):
                running[aside.elsewhere(task).remote(item, *references)] = item
            if not running:
                return
            done, _ = ray.wait(list(running), num_returns=1, timeout=LOOK_AGAIN_S)
            for reference in done:
                item, result = running.pop(reference), _result(reference)
                if isinstance(result, _Unfit):
                    aside.add(result)
                    again.append(item)
                    looked = -LOOK_AGAIN_S
                else:
                    yield item, result

    def _under_way(self, need: int, aside: Container[str] = ()) -> int:
        room = _room(need, aside)
        return self.limit if 0 < self.limit < room else 2 * room


@dataclass(frozen=True)
class _Unfit:
    """The outcome of a task that its node could not do."""

    node: str  # Ray's name of it
    error: NodeUnfit


class _SetAside:
    """The nodes that get no more tasks of a stream."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeUnfit] = {}

    def add(self, outcome: _Unfit) -> None:
        """Set a node aside and say so, with the fault, the remedy and the nodes that are left.

        Raises:
            NodeUnfit: none is left.
        """
        if outcome.node in self.nodes:  # another of its tasks
            return
        self.nodes[outcome.node] = outcome.error
        left = self.check_others()
        LOG.warning(
            "%s; no clip is rejected for it: the job goes on with %s. %s; the next job uses that "
            "node again",
            outcome.error.fault,
            " and ".join(left) if len(left) <= MOST_NAMED else f"{len(left)} other nodes",
            outcome.error.remedy,
        )

    def check_others(self) -> list[str]:
        """Return the names of the other nodes that have CPUs.

        Raises:
            NodeUnfit: there is none, but nodes that were set aside.
        """
        alive = [n for n in ray.nodes() if n["Alive"] and n["Resources"].get("CPU", 0) >= 1]
        left = [n["NodeManagerHostname"] for n in alive if n["NodeID"] not in self.nodes]
        if self.nodes and not left:
            raise list(self.nodes.values())[-1]
        return sorted(set(left))

    def elsewhere(self, task: Any) -> Any:
        """Return a task that runs on none of these nodes."""
        if not self.nodes:
            return task
        others = NodeLabelSchedulingStrategy(hard={NODE_ID: NotIn(*self.nodes)})
        return task.options(scheduling_strategy=others)


def _on_a_node(item: Any, function: Callable[..., Any], *shared: Any) -> Any:
    """Return the result of a task, or that this node cannot do it."""
    try:
        return function(item, *shared)
    except NodeUnfit as error:
        return _Unfit(ray.get_runtime_context().get_node_id(), error)


def _taken(queue: deque[Item]) -> Iterator[Item]:
    while queue:
        yield queue.popleft()


def _worker_bytes() -> int:
    """Return the memory that a task requests: less where no node has as much."""
    nodes = [node["Resources"].get("memory", 0) for node in ray.nodes() if node["Alive"]]
    return int(min(WORKER_BYTES, max(nodes, default=0)))


def _room(need: int, aside: Container[str] = ()) -> int:
    """Return the number of tasks that the nodes but for some have CPUs and memory for."""
    alive = (node for node in ray.nodes() if node["Alive"])
    nodes = [node["Resources"] for node in alive if not aside or node["NodeID"] not in aside]
    fit = [int(min(n.get("CPU", 0), n.get("memory", 0) // max(1, need))) for n in nodes]
    return max(1, sum(fit))


def _result(reference: Any) -> Any:
    try:
        return ray.get(reference)
    except RayTaskError as error:
        raise error.cause from error
    except (WorkerCrashedError, NodeDiedError, OutOfMemoryError) as error:
        return WorkerDied(str(error).strip().splitlines()[0])


@contextmanager
def cluster(address: str | None, workers: int) -> Iterator[Cluster]:
    """Connect to a Ray cluster, or start one on this machine for as long as the block lasts.

    Args:
        address: of a cluster; `local` for an own one whatever else runs. None: RAY_ADDRESS, else
            the cluster that `ray start` made on this machine, else an own one.
        workers: most tasks at once; 0: as many as the cluster has CPUs and memory for.

    Raises:
        WrongUse: there is no cluster at the address, or it refuses the token.
    """
    for variable, value in SETTINGS.items():
        os.environ.setdefault(variable, value)
    os.environ["PYTHONPATH"] = _with_project(os.environ.get("PYTHONPATH", ""))
    _connect(address)
    try:
        yield Cluster(workers)
    finally:
        ray.shutdown()


def _connect(address: str | None) -> None:
    _check_listens(address or os.environ.get("RAY_ADDRESS"))
    options: dict[str, Any] = {}
    if not in_a_ray_job():  # a job brings the project with it as its working directory
        options["runtime_env"] = {"env_vars": {"PYTHONPATH": os.environ["PYTHONPATH"]}}
    try:
        start_node(lambda: _init(address, options))
    except (AuthenticationError, ConnectionError, ValueError) as error:
        # Ray reports a wrong token as a cluster that it could not find, too.
        raise WrongUse(
            f"ray: cannot join the cluster at {address or os.environ.get('RAY_ADDRESS')}: "
            f"{str(error).strip().splitlines()[0]}; check ray_address and RAY_ADDRESS, and if it "
            "asks for a token set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to "
            "the cluster's own; or set ray_address=local for one on this machine"
        ) from None


def _init(address: str | None, options: dict[str, Any]) -> None:
    with _agents_on_known_ports():
        ray.init(
            address=address,
            include_dashboard=False if address == "local" else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **options,
        )


@contextmanager
def _agents_on_known_ports() -> Iterator[None]:
    """Let the agents of a node that `ray.init` starts here have ports that the node knows.

    Else the node waits for its agents, Python programs, to choose ports, and dies after 15 s, which
    no setting changes. A busy machine, or Python on a slow disk, needs longer. `ray.init` has no
    option for the ports, and Ray 2.60 does not hand the node the last of them, so its parameters
    and its program are exchanged here while it starts. Where temporary files cannot be executed
    the node starts as it would.
    """
    parameter, services = ray._private.parameter, ray._private.services
    make_params, program = parameter.RayParams, services.RAYLET_EXECUTABLE
    ports = _agent_ports()
    with tempfile.TemporaryDirectory() as folder:
        script = _raylet_that_listens(Path(folder), program, ports[LISTENS])
        if script is None:
            yield
            return
        parameter.RayParams = lambda **given: make_params(**{**given, **ports})
        services.RAYLET_EXECUTABLE = str(script)
        try:
            yield
        finally:
            parameter.RayParams, services.RAYLET_EXECUTABLE = make_params, program


def give_agents_ports(parameters: Any, head: bool) -> None:
    """Do the same for the node of `ray start`, which calls this where RAY_START_HOOK names it.

    The node's program is exchanged by a file in the folder for temporary files (TMPDIR), which
    whoever starts the node removes after its end.

    Args:
        parameters: Ray's own of the node, which are changed.
        head: whether it is the first node of its cluster.
    """
    del head
    services = ray._private.services
    for variable, value in SETTINGS.items():
        os.environ.setdefault(variable, value)
    ports = _agent_ports()
    folder = Path(tempfile.mkdtemp(prefix="emotalk-raylet-"))
    script = _raylet_that_listens(folder, services.RAYLET_EXECUTABLE, ports[LISTENS])
    if script is None:
        return
    for name, port in ports.items():
        setattr(parameters, name, port)
    services.RAYLET_EXECUTABLE = str(script)


def _agent_ports() -> dict[str, int]:
    return dict(zip(AGENT_PORTS, free_ports(len(AGENT_PORTS)), strict=True))


def _raylet_that_listens(folder: Path, program: object, port: int) -> Path | None:
    """Write a script that starts Ray's node with the port of its agent; None if it cannot run."""
    script = folder / "raylet"
    words = f'exec {shlex.quote(str(program))} "$@" --{LISTENS}={port}'
    script.write_text(f"#!/bin/sh\n{words}\n")
    script.chmod(0o700)
    return script if os.access(script, os.X_OK) else None


def _check_listens(address: str | None) -> None:
    """Check at once that a cluster listens; Ray itself retries for many minutes.

    Raises:
        WrongUse: nothing listens at an address of the form HOST:PORT.
    """
    host, _, port = (address or "").rpartition(":")
    if not host or "/" in host or not port.isdigit():
        return
    here = host in ("localhost", "127.0.0.1")  # which Ray also takes for the node's own address
    fault: OSError | None = None
    for place in (host, ray.util.get_node_ip_address()) if here else (host,):
        try:
            socket.create_connection((place, int(port)), timeout=ANSWER_S).close()
        except OSError as error:
            fault = error
        else:
            return
    raise WrongUse(
        f"ray: no cluster at {address}: {fault}; check ray_address and RAY_ADDRESS, or set "
        "ray_address=local for one on this machine"
    )


def _with_project(path: str) -> str:
    parts = [part for part in path.split(os.pathsep) if part and part != str(PROJECT)]
    return os.pathsep.join([str(PROJECT), *parts])
