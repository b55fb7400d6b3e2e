"""How much work a cluster gets: by the CPUs and the memory of the nodes that live."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from etl import cluster as module
from etl.cluster import WORKER_BYTES, Cluster
from etl.corpora.media_file import SourceLost
from etl.executor import NodeUnfit
from etl.free_ports import PORTS

GIB = 2**30


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    monkeypatch.setattr("etl.cluster.ray.nodes", lambda: found)
    return found


def node(cpus: float, memory: float, *, alive: bool = True) -> dict[str, Any]:
    return {"Alive": alive, "Resources": {"CPU": cpus, "memory": memory}}


def test_a_task_asks_for_no_more_memory_than_a_living_node_has(nodes: list[Any]) -> None:
    nodes += [node(4, WORKER_BYTES / 4), node(4, WORKER_BYTES / 2), node(64, 64 * GIB, alive=False)]
    assert module._worker_bytes() == WORKER_BYTES // 2
    nodes.append(node(1, 64 * GIB))
    assert module._worker_bytes() == WORKER_BYTES


def test_a_node_takes_as_many_tasks_as_its_cpus_and_its_memory_allow(nodes: list[Any]) -> None:
    nodes += [node(4, 100 * GIB), node(8, 3 * GIB), node(99, 999 * GIB, alive=False)]
    assert module._room(GIB) == 4 + 3
    nodes.append({"Alive": True, "Resources": {}})
    assert module._room(GIB) == 7
    assert module._room(0) == 4 + 8


def test_there_is_room_for_one_task_at_least(nodes: list[Any]) -> None:
    assert module._room(GIB) == 1
    nodes.append(node(0, GIB))
    assert module._room(GIB) == 1


def test_twice_as_many_as_run_are_under_way_and_a_limit_is_kept(nodes: list[Any]) -> None:
    nodes.append(node(4, 100 * GIB))
    assert Cluster(0)._under_way(GIB) == 8
    assert Cluster(3)._under_way(GIB) == 3
    assert Cluster(4)._under_way(GIB) == 8
    assert Cluster(9)._under_way(GIB) == 8


def test_a_starting_node_is_told_the_ports_of_its_agents() -> None:
    parameter, services = ray._private.parameter, ray._private.services
    before = parameter.RayParams, services.RAYLET_EXECUTABLE
    with module._agents_on_known_ports():
        params = parameter.RayParams(num_cpus=3, metrics_export_port=None)
        script = Path(services.RAYLET_EXECUTABLE).read_text()
    ports = [getattr(params, name) for name in module.AGENT_PORTS]
    assert len(set(ports)) == 4
    assert all(port in PORTS for port in ports)
    assert params.num_cpus == 3
    assert script.splitlines()[1] == (
        f'exec {before[1]} "$@" --dashboard_agent_listen_port={params.dashboard_agent_listen_port}'
    )
    assert (parameter.RayParams, services.RAYLET_EXECUTABLE) == before


def test_what_was_exchanged_is_put_back_where_the_node_fails() -> None:
    parameter, services = ray._private.parameter, ray._private.services
    before = parameter.RayParams, services.RAYLET_EXECUTABLE
    with pytest.raises(ValueError, match="failed"), module._agents_on_known_ports():
        raise ValueError("failed")
    assert (parameter.RayParams, services.RAYLET_EXECUTABLE) == before


def test_a_node_of_ray_start_is_told_the_ports_of_its_agents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = ray._private.services
    program = services.RAYLET_EXECUTABLE
    monkeypatch.setattr(services, "RAYLET_EXECUTABLE", program)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for variable in module.SETTINGS:
        monkeypatch.setenv(variable, "chosen")
    params = ray._private.parameter.RayParams(num_cpus=3)
    module.give_agents_ports(params, head=False)
    ports = [getattr(params, name) for name in module.AGENT_PORTS]
    assert len(set(ports)) == len(ports)
    assert all(port in PORTS for port in ports)
    script = Path(services.RAYLET_EXECUTABLE)
    assert script.is_relative_to(tmp_path)
    listens = f"--dashboard_agent_listen_port={params.dashboard_agent_listen_port}"
    assert script.read_text().endswith(f'{program} "$@" {listens}\n')


class OfTwoNodes:
    """Stands in for Ray: tasks run at once, on the first of two nodes that they may run on."""

    def __init__(self) -> None:
        self.names = {"a": "one", "b": "two"}
        self.ran: list[tuple[str, int]] = []
        self.put = self.get = lambda value: value

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {**node(1, 64 * GIB), "NodeID": key, "NodeManagerHostname": name}
            for key, name in self.names.items()
        ]

    def remote(self, **_: Any) -> Callable[[Callable[..., Any]], "Task"]:
        return lambda function: Task(self, function)

    def wait(self, running: list[Any], **_: Any) -> tuple[list[Any], list[Any]]:
        return running[:1], running[1:]

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(get_node_id=lambda: self.ran[-1][0])


@dataclass(frozen=True)
class Task:
    machines: OfTwoNodes
    function: Callable[..., Any]
    but: tuple[str, ...] = ()

    def options(self, scheduling_strategy: Any) -> "Task":
        (others,) = scheduling_strategy.hard
        assert others.key == "ray.io/node-id"
        return replace(self, but=tuple(others.operator.values))

    def remote(self, item: int, *shared: Any) -> "Reference":
        where = next(key for key in self.machines.names if key not in self.but)
        self.machines.ran.append((where, item))
        return Reference(self.function(item, *shared))


@dataclass(eq=False)
class Reference:
    value: Any


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> OfTwoNodes:
    found = OfTwoNodes()
    monkeypatch.setattr(module, "ray", found)
    monkeypatch.setattr(module, "_result", lambda reference: reference.value)
    return found


def test_a_node_that_cannot_do_its_tasks_leaves_them_to_the_others(
    machines: OfTwoNodes, caplog: pytest.LogCaptureFixture
) -> None:
    def work(item: int) -> int:
        if machines.ran[-1][0] == "a" and item >= 2:
            raise NodeUnfit("source: /x is empty now on one", "Mount it there again")
        return item * 10

    assert sorted(Cluster(2).stream(work, range(9))) == [(n, n * 10) for n in range(9)]
    # Items 4 and 5 were under way when the fault of 2 came back.
    assert [item for where, item in machines.ran if where == "a"] == [0, 1, 2, 3, 4, 5]
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == (
        "source: /x is empty now on one; no clip is rejected for it: the job goes on with two. "
        "Mount it there again; the next job uses that node again"
    )


def test_what_no_node_can_do_stops_the_job_with_the_last_ones_fault(machines: OfTwoNodes) -> None:
    def work(item: int) -> int:
        where = machines.names[machines.ran[-1][0]]
        raise NodeUnfit(f"source: /x is empty now on {where}", "Mount it there again")

    with pytest.raises(NodeUnfit, match=r"empty now on two; no clip was rejected for it\. Mount"):
        list(Cluster(0).stream(work, range(7)))


def test_a_job_does_not_wait_for_nodes_that_were_set_aside(machines: OfTwoNodes) -> None:
    aside = module._SetAside()
    assert aside.check_others() == ["one", "two"]
    lost = NodeUnfit("source: /x is empty now on one", "Mount it there again")
    aside.add(module._Unfit("a", lost))
    assert aside.check_others() == ["two"]
    del machines.names["b"]  # it dies
    with pytest.raises(NodeUnfit, match="empty now on one"):
        aside.check_others()


def test_a_nodes_fault_reaches_the_driver_as_it_was_raised() -> None:
    sent = pickle.dumps(SourceLost("source: /x is empty now on one", "Mount it"))
    error = pickle.loads(sent)  # noqa: S301  our own
    assert isinstance(error, SourceLost)
    assert (error.fault, error.remedy) == ("source: /x is empty now on one", "Mount it")
    assert "Mount it and start again: finished clips are kept" in str(error)
