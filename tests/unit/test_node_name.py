"""A process names its node as Slurm does."""

import socket

from emotalk.node_name import node_name


def test_in_a_job_the_node_has_the_name_that_slurm_gives_it() -> None:
    assert node_name({"SLURMD_NODENAME": "gpu-07"}) == "gpu-07"


def test_elsewhere_it_is_the_host_without_its_domain() -> None:
    assert node_name({}) == socket.gethostname().partition(".")[0]


def test_a_name_never_leaves_its_place_in_a_line_or_a_path() -> None:
    assert (
        node_name({"SLURMD_NODENAME": "../a b\n" + "c" * 99})
        == ("..\x2fa b\n".replace("/", "_").replace(" ", "_").replace("\n", "_") + "c" * 99)[:63]
    )
