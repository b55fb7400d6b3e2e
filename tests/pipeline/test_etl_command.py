"""`python etl/shard.py` itself: from any folder, on Ray, with the exit codes it promises."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emotalk.shards.inspect import inspect
from tests.helpers.clips import write_crema_d
from tests.helpers.etl_run import digests
from tests.pipeline.test_etl import config_for, make

PROJECT = Path(__file__).parents[2]
CONFIG = str(PROJECT / "configs" / "etl" / "crema_d.yaml")


def shard(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROJECT / "etl" / "shard.py"), *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **environment},
        timeout=580,
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_crema_d(tmp_path_factory.mktemp("corpus") / "corpus")


@pytest.mark.timeout(600)
def test_clips_become_shards_on_a_local_ray_cluster(tmp_path: Path, corpus: Path) -> None:
    (corpus / "VideoFlash" / "1001_IEO_SAD_XX.flv").touch()
    wanted = ("landmarks.backend=sidecar", "ray_address=local", "workers=2", "samples_per_shard=4")
    command = (CONFIG, f"source={corpus}", "output=out", *wanted)
    run = shard(*command, folder=tmp_path)
    assert run.returncode == 1, run.stderr  # 1 of 10 clips is empty, the limit is 5 %
    assert "10 clips found, 9 accepted, 1 rejected" in run.stdout
    assert "10% of the clips were rejected, more than max_rejected_share=0.05" in run.stdout
    assert inspect(tmp_path / "out").ok
    assert json.loads((tmp_path / "out" / "rejected.jsonl").read_text())["reason"] == "empty_file"
    make(config_for(corpus, tmp_path / "alone"))  # one clip after the other, without Ray
    assert digests(tmp_path / "alone") == digests(tmp_path / "out")
    again = shard(*command, folder=tmp_path)
    assert again.returncode == 0
    assert "nothing to do" in again.stdout


def test_a_dry_run_shows_the_plan_writes_nothing_and_waits_for_no_heavy_library(
    tmp_path: Path, corpus: Path
) -> None:
    words = (CONFIG, f"source={corpus}", "output=out", "--dry-run")
    run = shard(*words, folder=tmp_path, PYTHONPROFILEIMPORTTIME="1")
    assert run.returncode == 0, run.stderr
    loaded = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert "etl.job.plan" in loaded
    assert not {"torch", "ray", "scipy", "matplotlib", "onnxruntime"} & loaded
    assert "3 shards to out" in run.stdout
    assert not list(tmp_path.iterdir())


def test_a_dry_run_checks_the_landmark_models_where_it_is_asked_to(
    tmp_path: Path, corpus: Path
) -> None:
    words = (CONFIG, f"source={corpus}", "output=out", "--dry-run", "--check-models")
    run = shard(*words, "landmarks.root=.", folder=tmp_path)
    assert (run.returncode, "3 shards to out" in run.stdout) == (2, True)
    assert "buffalo_l does not exist" in run.stderr
    run = shard(*words, "landmarks.backend=sidecar", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert not list(tmp_path.iterdir())


def test_the_printed_configuration_can_be_used_again(tmp_path: Path) -> None:
    first = shard(CONFIG, "source=a", "output=b", "--print-config", folder=tmp_path)
    (tmp_path / "again.yaml").write_text(first.stdout)
    second = shard("again.yaml", "--print-config", folder=tmp_path)
    assert (first.returncode, second.stdout) == (0, first.stdout)


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    run = shard(CONFIG, "sorce=x", "workers=-1", "split.shares=[1,1,1]", folder=tmp_path)
    assert run.returncode == 2
    for words in ("source: required", "did you mean 'source'", "workers:", "split.shares must sum"):
        assert words in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("source=nowhere", "output=out"), "no such folder"),
        (("source={corpus}", "output=out", "landmarks.root=."), "buffalo_l does not exist"),
        (("source={corpus}", "output=out", "landmarks.sidecar=gone"), "no folder"),
        (("source={corpus}", "output=/proc/out"), "cannot write"),
        (("source={corpus}", "output=out", "ray_address=127.0.0.1:9"), "no cluster at 127.0.0.1:9"),
    ],
)
def test_wrong_use_is_one_message_and_exit_code_2(
    tmp_path: Path, corpus: Path, arguments: tuple[str, ...], words: str
) -> None:
    given = [argument.format(corpus=corpus) for argument in arguments]
    backend = () if "landmarks.root=." in given else ("landmarks.backend=sidecar",)
    run = shard(CONFIG, *given, *backend, folder=tmp_path)
    assert run.returncode == 2
    assert words in run.stderr
    assert "Traceback" not in run.stderr


def test_a_ray_job_refuses_relative_paths(tmp_path: Path) -> None:
    run = shard(CONFIG, "source=a", "output=b", folder=tmp_path, RAY_JOB_CONFIG_JSON_ENV_VAR="{}")
    assert run.returncode == 2
    assert "source=a, output=b" in run.stderr
