"""A node says what it can read and write, and what it has."""

import os
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest

from emotalk.preflight import node
from emotalk.preflight.lines import joined
from emotalk.preflight.node import (
    code_digest,
    gpu_facts,
    packages,
    read_fault,
    room,
    unseen,
    write_fault,
    write_probe,
)

SMI = """#!/bin/bash
printf '%s\\n' "$*" >> "$SAID"
[[ -z $BROKEN ]] || { echo 'Unable to determine the device handle'; exit 15; }
printf '%s\\n' '0, NVIDIA A100-SXM4-80GB, 3, 0' '1, NVIDIA L4, 5000, [N/A]'
"""


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(SMI)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SAID", str(tmp_path / "said"))
    monkeypatch.setenv("BROKEN", "")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path / "said"


def test_the_line_of_a_node_holds_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURMD_NODENAME", "lab2")
    (tmp_path / "source").mkdir()
    words = ["--write", str(tmp_path), "--probe", "p", "--read", str(tmp_path / "source")]
    assert node.main([*words, "--read", str(tmp_path / "none")]) == 0
    facts = joined(capsys.readouterr().out.splitlines())["node", "lab2"]
    assert facts["reads"] == {
        str(tmp_path / "source"): "", str(tmp_path / "none"): "No such file or directory",
    }  # fmt: skip
    assert facts["write"]["fault"] == ""
    assert abs(facts["write"]["ahead_s"]) < 1, "this disk's clock is this node's"
    assert facts["packages"]["torch"] == metadata.version("torch")
    assert facts["gpus"] == {"expected": 0, "missing": True}
    assert (tmp_path / "p" / "lab2").read_text() == "lab2"


def test_a_clock_is_compared_with_the_disks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 60)
    assert write_probe(tmp_path, "p")["ahead_s"] == pytest.approx(60, abs=1)


def test_a_place_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "p").touch()
    assert write_probe(tmp_path, "p") == {"fault": "File exists"}
    assert write_probe(tmp_path / "none", "p") == {"fault": "No such file or directory"}


def test_an_output_that_is_not_this_users_to_write_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert write_fault(tmp_path) == ""
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everything
    assert write_fault(tmp_path) == "Permission denied"
    assert write_fault(Path("/proc/self/none")) == "No such file or directory"
    facts = node.examine(write=tmp_path, probe="p", read=[], gpus=0, output=tmp_path)
    assert facts["output"] == {str(tmp_path): "Permission denied"}


def test_the_others_files_are_looked_for_by_name(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "lab1").touch()
    assert unseen(tmp_path, "p", ["lab1", "lab2"]) == ["lab2"]


def test_room_is_that_of_the_file_system(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)
    told = room(tmp_path)
    assert told["free_bytes"] == pytest.approx(found.f_bavail * found.f_frsize, rel=0.05)
    assert room(tmp_path / "none") == {"fault": "No such file or directory"}


def test_of_two_versions_of_a_package_the_one_that_is_imported_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "numpy-9.9.dist-info" / "METADATA"
    record.parent.mkdir()
    record.write_text("Metadata-Version: 2.1\nName: NumPy\nVersion: 9.9\n")
    own = packages()["numpy"]
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert packages()["numpy"] == own
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert packages()["numpy"] == "9.9"


def test_one_changed_line_is_another_version(tmp_path: Path) -> None:
    (tmp_path / "emotalk" / "a").mkdir(parents=True)
    (tmp_path / "emotalk" / "a" / "b.py").write_text("x = 1\n")
    before = code_digest(tmp_path)
    assert code_digest(tmp_path) == before
    (tmp_path / "emotalk" / "a" / "b.py").write_text("x = 2\n")
    assert code_digest(tmp_path) != before


def test_gpus_are_read_from_nvidia_smi(smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpu_facts()["devices"] == [
        {"index": "0", "name": "NVIDIA A100-SXM4-80GB", "used_mib": 3, "ecc_errors": 0},
        {"index": "1", "name": "NVIDIA L4", "used_mib": 5000, "ecc_errors": None},
    ]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    gpu_facts()
    assert [line.startswith("-i 2,3 ") for line in smi.read_text().splitlines()] == [False, True]


def test_a_driver_that_does_not_answer_is_a_fault(
    smi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKEN", "1")
    assert gpu_facts() == {"fault": "Unable to determine the device handle"}


def test_a_folder_without_rights_or_a_link_to_nowhere_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "none")
    assert read_fault(tmp_path / "link") == "No such file or directory"
    assert read_fault(tmp_path) == ""
