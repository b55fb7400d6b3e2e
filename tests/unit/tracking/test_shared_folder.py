"""No SQLite file is written unasked to a file system that the nodes of a cluster share."""

from pathlib import Path

import pytest

from emotalk.config.tracking import MlflowConfig
from emotalk.tracking import shared_folder
from emotalk.tracking.shared_folder import (
    Mount,
    is_on_a_cluster,
    may_send,
    mounts,
    network_kind,
    sqlite_choice,
)

JOB = {"SLURM_JOB_ID": "7"}


@pytest.mark.parametrize(
    ("kind", "shared"),
    [("nfs4", True), ("lustre", True), ("fuse.sshfs", True), ("ext4", False), ("overlay", False)],
)
def test_the_innermost_mount_decides(tmp_path: Path, kind: str, shared: bool) -> None:
    other = "ext4" if shared else "nfs"
    mounted = [Mount("/", other), Mount(str(tmp_path), kind), Mount(f"{tmp_path}-beside", other)]
    assert network_kind(tmp_path / "deep" / "mlflow.db", mounted) == (kind if shared else "")


def test_of_two_mounts_on_one_folder_the_later_one_is_seen(tmp_path: Path) -> None:
    mounted = [Mount(str(tmp_path), "ext4"), Mount(str(tmp_path), "nfs")]
    assert network_kind(tmp_path / "a", mounted) == "nfs"


def test_this_machine_has_a_root() -> None:
    assert "/" in [mount.folder for mount in mounts()]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        (JOB, True),
        ({"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4"}, False),
        ({"WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}, True),
    ],
)
def test_a_job_and_several_machines_are_a_cluster(
    environment: dict[str, str], expected: bool
) -> None:
    assert is_on_a_cluster(environment) is expected


@pytest.mark.parametrize(
    ("uri", "asked", "environment", "kind", "expected"),
    [
        ("sqlite:///mlflow.db", False, JOB, "nfs", "leave out"),
        ("sqlite:///mlflow.db", True, JOB, "nfs", "warn"),
        ("sqlite:///mlflow.db", False, JOB, "ext4", "write"),
        ("sqlite:///mlflow.db", False, {}, "nfs", "write"),
        ("http://host:5000", True, JOB, "nfs", "write"),
    ],
)
def test_a_shared_sqlite_file_is_left_out_or_warned_of(
    uri: str, asked: bool, environment: dict[str, str], kind: str, expected: str
) -> None:
    choice, warning = sqlite_choice(
        uri, asked=asked, environment=environment, mounted=[Mount("/", kind)]
    )
    assert choice == expected
    assert bool(warning) == (expected != "write")
    if warning:
        assert "MLFLOW_TRACKING_URI" in warning
        assert "(nfs)" in warning


def test_a_named_server_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared_folder, "mounts", lambda: [Mount("/", "lustre")])
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert not may_send(MlflowConfig())
    assert "lustre" in caplog.text
    assert may_send(MlflowConfig(uri="sqlite:///a.db"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    caplog.clear()
    assert may_send(MlflowConfig())
    assert caplog.text == ""
