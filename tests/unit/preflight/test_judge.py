"""Each fault names its node and the remedy; nodes without a fault pass."""

import io
from typing import Any

import pytest

from emotalk.preflight import judge
from emotalk.preflight.judge import faults
from emotalk.preflight.lines import Kind, split

NODES = ["lab1", "lab2", "lab3"]
ALL: tuple[Kind, ...] = ("node", "exchange")
GOOD: dict[str, Any] = {
    "reads": {"/data": ""},
    "write": {"fault": "", "ahead_s": 0.001},
    "room": {
        "output": {"free_bytes": 10**12, "free_inodes": 10**6},
        "tmp": {"free_bytes": 10**11, "free_inodes": None},
        "shm": {"free_bytes": 10**10, "free_inodes": 5},
    },
    "python": "3.11.7",
    "packages": {"torch": "2.13.0", "numpy": "2.4.6"},
    "code": "abc",
    "gpus": {"expected": 1, "devices": [
        {"index": "0", "name": "NVIDIA H100", "used_mib": 4, "ecc_errors": 0}
    ]},
}  # fmt: skip
EXCHANGED = {
    "unseen": [],
    "gpu_faults": [],
    "exchange": {"backend": "gloo", "seconds": 0.1, "mib": 16},
}


def lines(**second: Any) -> list[str]:
    """Return what three nodes say; the second one says something else."""
    said = ["srun: a line that is not ours"]
    for node in NODES:
        facts = {**GOOD, **EXCHANGED, **(second if node == "lab2" else {})}
        first = {name: value for name, value in facts.items() if name not in EXCHANGED}
        rest = {name: value for name, value in facts.items() if name in EXCHANGED}
        for kind, part in (("node", first), ("exchange", rest)):
            said += "".join(split(kind, node, part)).splitlines()  # type: ignore[arg-type]
    return said


def test_nodes_without_a_fault_pass(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines())))
    assert judge.main(["--nodes", ",".join(NODES), "--exchange"]) == 0
    assert capsys.readouterr().out == (
        "preflight: 3 node(s) and 3 GPU(s) examined, nothing is wrong; 16 MiB are added up over "
        "them in 0.10 s (gloo)\n"
    )


GPU = GOOD["gpus"]["devices"][0]


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"reads": {"/data": "No such file or directory"}}, "/data cannot be read .*mount it"),
        ({"write": {"fault": "Read-only file system"}}, "nothing can be written .*Read-only"),
        ({"output": {"/run": "Permission denied"}}, "/run cannot be written .Permission denied"),
        ({"unseen": ["lab1"]}, "does not see what lab1 wrote .*not shared"),
        ({"room": {"output": {"free_bytes": 10**9, "free_inodes": None}}}, "0.93 GiB left, 2 are"),
        ({"room": {"tmp": {"free_bytes": 10**12, "free_inodes": 12}}}, "tmp has room for 12 more"),
        ({"room": {"shm": {"free_bytes": 10**6, "free_inodes": None}}}, "shm has 0.00 GiB"),
        ({"code": "xyz"}, "another version of the project .xyz, the others abc"),
        ({"python": "3.12.1"}, "another Python"),
        (
            {"packages": {"torch": "2.12.0", "numpy": "2.4.6"}},
            r"other packages than the others: torch 2.12.0 \(2.13.0\)",
        ),
        ({"packages": {"torch": "2.13.0"}}, r"numpy None \(2.4.6\)"),
        ({"write": {"fault": "", "ahead_s": -42.0}}, "its clock is -42 s beside .*chronyd"),
        ({"gpus": {"expected": 1, "devices": []}}, "0 of 1 GPUs answer; reboot it"),
        ({"gpus": {"expected": 1, "fault": "no handle"}}, "do not answer .no handle"),
        ({"gpus": {"expected": 1, "missing": True}}, "has no nvidia-smi as others have"),
        ({"gpus": {"expected": 1, "devices": [{**GPU, "used_mib": 9000}]}}, "in use: 9000 MiB"),
        ({"gpus": {"expected": 1, "devices": [{**GPU, "ecc_errors": 3}]}}, "3 uncorrectable ECC"),
        ({"gpu_faults": ["GPU 0: CUDA error"]}, "GPU 0: CUDA error; have it drained"),
        ({"exchange": {"missing": ["lab3"]}}, "waited in vain for lab3"),
        ({"exchange": {"fault": "timed out"}}, "cannot compute .*timed out.*NCCL_SOCKET_IFNAME"),
    ],
)
def test_a_fault_names_its_node_and_the_remedy(second: dict[str, Any], words: str) -> None:
    found = faults(NODES, lines(**second), kinds=ALL)
    assert len(found) == 1, found
    with pytest.raises(AssertionError, match=f"^lab2: .*{words}"):
        raise AssertionError(str(found[0]))


@pytest.mark.parametrize(
    ("ahead", "wrong"),
    [
        ((0.0, 90.0), ["lab2: its clock is +90 s"]),
        ((90.0, 0.0), ["lab1: its clock is +90 s"]),
        ((-60.0, -59.0), []),  # the server's own clock is wrong
        ((-60.0, -60.0, -60.0, -3.0), ["lab4: its clock is +57 s"]),
        ((90.0,), []),  # there is no other node to differ from
    ],
)
def test_of_two_clocks_the_one_that_differs_from_the_servers_is_wrong(
    ahead: tuple[float, ...], wrong: list[str]
) -> None:
    said = [
        line.rstrip("\n")
        for number, seconds in enumerate(ahead, start=1)
        for line in split(
            "node", f"lab{number}", {**GOOD, "write": {"fault": "", "ahead_s": seconds}}
        )
    ]
    nodes = [f"lab{number}" for number in range(1, len(ahead) + 1)]
    found = [str(fault).split(" beside")[0] for fault in faults(nodes, said, kinds=["node"])]
    assert found == wrong


@pytest.mark.parametrize("facts", [{"code": "xyz"}, {"python": "3.12.1"}, {"packages": {}}])
def test_of_two_nodes_that_differ_the_second_is_named_whichever_speaks_first(
    facts: dict[str, Any],
) -> None:
    said = [*split("node", "lab2", {**GOOD, **facts}), *split("node", "lab1", GOOD)]
    whole = [line.rstrip("\n") for line in said]
    (fault,) = faults(["lab1", "lab2"], whole, kinds=["node"])
    assert fault.node == "lab2"


@pytest.mark.parametrize("kind", ["node", "exchange"])
def test_a_node_that_says_nothing_in_one_of_the_checks_is_a_fault(kind: str) -> None:
    said = [line for line in lines() if not line.startswith(f"preflight {kind} lab3")]
    (fault,) = faults(NODES, said, kinds=ALL)
    assert str(fault).startswith("lab3: a check did not end there")
    assert "--exclude=lab3" in str(fault)


def test_a_line_that_is_lost_or_mixed_up_passes_for_nothing() -> None:
    """Once two nodes' long lines came mixed up, and neither's faults were seen."""
    whole = lines(reads={"/data": "No such file or directory"})
    number = next(n for n, line in enumerate(whole) if line.startswith("preflight node lab2"))
    (fault,) = faults(NODES, whole[:number] + whole[number + 1 :], kinds=ALL)
    assert str(fault).startswith("lab2: a check did not end there")


def test_nodes_that_were_not_to_compute_together_need_not_say_so() -> None:
    said = [line for line in lines() if not line.startswith("preflight exchange")]
    assert faults(NODES, said, kinds=("node",)) == []


def test_where_no_node_has_nvidia_smi_its_absence_is_no_fault() -> None:
    facts = {**GOOD, "gpus": {"expected": 1, "missing": True}}
    said = [line.rstrip("\n") for node in NODES for line in split("node", node, facts)]
    assert faults(NODES, said, kinds=("node",)) == []


def test_faults_end_with_2_and_stand_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines(code="xyz"))))
    assert judge.main(["--nodes", ",".join(NODES), "--exchange"]) == 2
    assert capsys.readouterr().err.startswith("preflight: lab2: ")


@pytest.mark.parametrize(
    ("second", "left"),
    [
        ({}, "lab1,lab2,lab3"),
        ({"reads": {"/data": "No such file or directory"}}, "lab1,lab3"),
        ({"room": {"tmp": {"free_bytes": 0, "free_inodes": None}}}, "lab1,lab3"),
        ({"write": {"fault": "Read-only file system"}}, "lab1,lab3"),
        ({"code": "xyz"}, "lab1,lab3"),
        ({"unseen": ["lab1"]}, ""),
        ({"room": {"output": {"free_bytes": 0, "free_inodes": None}}}, ""),
    ],
)
def test_a_job_that_can_spare_nodes_goes_on_unless_the_fault_is_of_all(
    second: dict[str, Any], left: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines(**second))))
    code = judge.main(["--nodes", ",".join(NODES), "--exchange", "--spare"])
    said = capsys.readouterr()
    assert code == (0 if left else 2)
    assert (f"nodes {left}\n" in said.out) == bool(left)
    assert ("preflight: lab2: " in said.err) == bool(second)
    assert ("goes on without lab2\n" in said.out) == bool(second and left)


def test_a_job_that_can_spare_nodes_is_refused_where_none_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = {**GOOD, "reads": {"/data": "No such file or directory"}}
    said = "".join(line for node in NODES for line in split("node", node, facts))
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    assert judge.main(["--nodes", ",".join(NODES), "--spare"]) == 2
    assert capsys.readouterr().err.count("/data cannot be read") == 3
