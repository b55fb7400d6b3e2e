"""How much work a cluster gets: by the CPUs and the memory of the nodes that live."""

from pathlib import Path
from typing import Any

import pytest
import ray

from etl import cluster as module
from etl.cluster import WORKER_BYTES, Cluster
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
