"""The ETL on Ray clusters that others started: by address, as a job, by ssh, with a node lost."""

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray

from emotalk.config.etl import EtlConfig
from emotalk.config.load import load_config
from etl.clip.crash import Crash
from etl.cluster import cluster
from etl.corpora.listing import SourceClip
from etl.corpora.media_file import SourceLost
from etl.job.output import lock_output
from etl.job.plan import make_plan
from etl.job.run import run_job
from etl.job.verdict import Verdict
from etl.job.worker import process_clip
from etl.recording.recording import Recording
from tests.helpers.clips import write_crema_d
from tests.helpers.etl_run import PROJECT, EtlRun, digests, finished_clips, made_in_one_process
from tests.helpers.real_shards import Quiet

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
BIN = Path(sys.executable).parent
CONFIG = str(PROJECT / "configs" / "etl" / "crema_d.yaml")
SMALL = ("landmarks.backend=sidecar", "samples_per_shard=4")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_crema_d(tmp_path_factory.mktemp("corpus"), actors=5, seconds=2.0)


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> dict[str, str]:
    command = (CONFIG, f"source={corpus}", *SMALL)
    return made_in_one_process(command, tmp_path_factory.mktemp("wanted") / "out")


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short path: sockets have no room for a long one."""
    folder = Path(tempfile.mkdtemp(prefix="emt-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass(frozen=True)
class Head:
    """A cluster of one node, that wants a token."""

    address: str
    dashboard: str
    environment: dict[str, str]


@pytest.fixture
def head(short: Path) -> Iterator[Head]:
    port, dashboard = free_port(), free_port()
    token = "".join(random.choices("0123456789abcdef", k=64))
    environment = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_TMPDIR": str(short),
    }
    command = [
        str(BIN / "ray"), "start", "--head", "--block", f"--port={port}", "--num-cpus=2",
        "--include-dashboard=true", f"--dashboard-port={dashboard}", f"--temp-dir={short}",
    ]  # fmt: skip
    with (short / "head.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            # Ray takes 127.0.0.1 for the node's own address, at which the head listens.
            found = Head(f"127.0.0.1:{port}", f"http://127.0.0.1:{dashboard}", environment)
            wait_for_jobs(found, token, process, short / "head.log")
            yield found
        finally:
            process.terminate()
            process.wait(60)


def wait_for_jobs(head: Head, token: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{head.dashboard}/api/jobs/", headers=headers)  # noqa: S310
    for _ in range(240):
        assert process.poll() is None, f"ray start ended: {log.read_text()}"
        try:
            with urllib.request.urlopen(request, timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(f"the cluster's job server does not answer: {log.read_text()}")


def test_a_submitted_job_makes_the_same_bytes(
    head: Head, tmp_path: Path, corpus: Path, wanted: dict[str, str]
) -> None:
    output = tmp_path / "out"
    words = ("python", "etl/shard.py", "configs/etl/crema_d.yaml", f"source={corpus}",
             f"output={output}", *SMALL)  # fmt: skip
    submit = [str(BIN / "ray"), "job", "submit", "--working-dir", ".", "--", *words]
    environment = {**head.environment, "RAY_ADDRESS": head.dashboard}
    job = subprocess.run(
        submit, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert job.returncode == 0, job.stdout + job.stderr
    assert digests(output) == wanted


def test_a_cluster_is_found_by_its_address_and_refuses_strangers(
    head: Head, tmp_path: Path, corpus: Path, wanted: dict[str, str]
) -> None:
    output = tmp_path / "out"
    command = (CONFIG, f"source={corpus}", f"output={output}", *SMALL)
    environment = {**head.environment, "RAY_ADDRESS": head.address}
    stranger = {**environment, "RAY_AUTH_TOKEN": "0" * 64}
    code, said = EtlRun(*command, **stranger).finish()
    assert code == 2, said
    assert "cannot join the cluster" in said
    assert "RAY_AUTH_TOKEN" in said
    assert "Traceback" not in said
    assert not list(output.glob("*.tar"))
    code, said = EtlRun(*command, **environment).finish()
    assert code == 0, said
    assert digests(output) == wanted


def test_a_node_that_dies_changes_no_byte(
    short: Path, tmp_path: Path, corpus: Path, wanted: dict[str, str]
) -> None:
    from ray.cluster_utils import Cluster

    output = tmp_path / "out"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "temp_dir": str(short)})
    try:
        second = cluster.add_node(num_cpus=1)
        run = EtlRun(
            CONFIG, f"source={corpus}", f"output={output}", *SMALL, RAY_ADDRESS=cluster.address
        )
        run.wait_for(lambda: finished_clips(output) >= 4)
        cluster.remove_node(second, allow_graceful=False)
        code, said = run.finish()
    finally:
        cluster.shutdown()
    assert code == 0, said
    assert digests(output) == wanted


LOST = "TEST_LOST"
"""Variable: the path of a file that holds Ray's name of the node that has lost its source."""


def losing(clip: SourceClip, *rest: Any) -> Verdict | Recording | Crash:
    """Work on a clip as `process_clip` does, on a node whose source goes away while it does."""
    lost = Path(os.environ[LOST])
    if lost.exists() and lost.read_text() == ray.get_runtime_context().get_node_id():
        raise SourceLost(f"source: {rest[0].source} is empty now on second", "Mount it there again")
    return process_clip(clip, *rest)


def test_a_node_that_loses_the_source_leaves_its_clips_to_the_others(
    short: Path,
    tmp_path: Path,
    corpus: Path,
    wanted: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from ray.cluster_utils import Cluster

    lost, output, done = tmp_path / "lost", tmp_path / "out", []
    monkeypatch.setenv(LOST, str(lost))  # before the nodes start, whose workers get it
    monkeypatch.setattr("etl.job.process.process_clip", losing)
    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "temp_dir": str(short)})
    try:
        second = machines.add_node(num_cpus=1)
        words = (f"source={corpus}", f"output={output}", *SMALL)
        config = load_config(EtlConfig, Path(CONFIG), words)
        with lock_output(output), cluster(machines.address, 0) as executor:

            class AfterFour(Quiet):
                def clip_done(self, verdict: Verdict, *, reused: bool) -> None:
                    done.append(verdict.key)
                    if len(done) == 4:
                        lost.write_text(second.node_id)

            run_job(config, make_plan(config), executor, AfterFour())
    finally:
        machines.shutdown()
    assert digests(output) == wanted
    (said,) = [text for text in caplog.messages if "empty now" in text]
    assert said.startswith(f"source: {corpus} is empty now on second; no clip is rejected for it: ")


def test_ray_submit_brings_the_project_over_ssh(
    short: Path, tmp_path: Path, corpus: Path, wanted: dict[str, str]
) -> None:
    missing = [name for name in ("sshd", "rsync", "unshare", "ip") if not found(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)}: not on this machine")
    spaces = ["unshare", "--pid", "--net", "--mount", "--fork", "--mount-proc", "--kill-child"]
    if os.getuid() or subprocess.run([*spaces, "true"], check=False).returncode:
        pytest.skip("name spaces of its own for the ssh server need root")
    output = tmp_path / "out"
    script = str(PROJECT / "tests" / "launch" / "ray_submit.sh")
    words = (f"source={corpus}", f"output={output}", *SMALL)
    done = subprocess.run(
        [*spaces, script, str(PROJECT), str(short), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert digests(output) == wanted


def found(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
