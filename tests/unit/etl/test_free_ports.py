"""Free ports are different, free, and outside the range of connections."""

import socket

import pytest

from etl import free_ports as module
from etl.free_ports import free_ports


def test_ports_are_different_and_nothing_listens_there() -> None:
    ports = free_ports(8)
    assert len(set(ports)) == 8
    for port in ports:
        assert 1024 < port < 32768
        with socket.socket() as own:
            own.bind(("", port))  # it was given back


def test_a_port_that_is_taken_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_ports(1)[0]
    monkeypatch.setattr(module, "PORTS", range(first, first + 1))
    assert free_ports(1) == [first]
    with socket.socket() as taken:
        taken.bind(("", first))
        with pytest.raises(OSError, match="fewer than 1 free ports"):
            free_ports(1)
    with pytest.raises(OSError, match="fewer than 2 free ports"):
        free_ports(2)
