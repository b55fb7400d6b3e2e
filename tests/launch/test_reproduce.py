"""`make reproduce`, the chain on Slurm: what is missing comes first, complete steps are skipped."""

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from emotalk.runs.step_time import StepTimes
from tests.helpers.presets import SMALL
from tests.helpers.tiny_training import ROOT

BIN = ROOT / ".venv" / "bin"
TINY = (*SMALL, "tracking.mlflow.enabled=false", "data.workers=0", "runtime.device=cpu")
RANDOM = "losses.perceptual.network=random"
STUB = """#!/bin/bash
echo "$(basename "$0") $*" >>"$SAID"
results=()
for word in "$@"; do
  case $word in
    --print-config | --dry-run) echo "${CONFIG:-as it is}"; exit ;;
    launch/reproduce_plan.py) exit "${MISSING:-0}" ;;
    etl/shard.py) results+=(shards/manifest.json) ;;
    train.py) results+=(run/status.json) ;;
    evaluate) results+=(report/report.json) ;;
  esac
done
for result in "${results[@]}"; do
  [[ $result == "${BROKEN:-}" ]] && exit 1
  mkdir -p "$WORK/$(dirname "$result")"
  touch "$WORK/$result"
done
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a project whose programs only write down how they were called."""
    folder = tmp_path / "project"
    (folder / ".venv/bin").mkdir(parents=True)
    for name in ("launch", "slurm", "configs", "train.py"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("launch", "slurm"):
        (folder / name).unlink()
        shutil.copytree(ROOT / name, folder / name)
    for name in ("python", "emotalk", "accelerate", "sbatch", "nvidia-smi"):
        (folder / ".venv/bin" / name).write_text(STUB)
        (folder / ".venv/bin" / name).chmod(0o755)
    return folder


def reproduced(
    project: Path, tmp_path: Path, **settings: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the script; return how it ended and how it called the programs."""
    said = tmp_path / "said"
    said.write_text("")
    given = {"SOURCE": "CREMA-D", "WORK": str(tmp_path / "work"), "SAID": str(said)} | settings
    done = subprocess.run(
        ["bash", "launch/reproduce.sh"],
        cwd=project, env=os.environ | given, capture_output=True, text=True, check=False,
    )  # fmt: skip
    calls = [
        line for line in said.read_text().splitlines() if not line.endswith(("-config", "-run"))
    ]
    return done, [call for call in calls if "reproduce_plan" not in call]


def test_three_steps_are_made_with_the_reports_configurations(
    project: Path, tmp_path: Path
) -> None:
    done, calls = reproduced(
        project,
        tmp_path,
        ETL_SETTINGS="workers=2 'landmarks.root=/my models'",
        BASELINE="/original",
    )
    assert done.returncode == 0, done.stderr
    etl, train, evaluate, _ = calls
    work = tmp_path / "work"
    assert etl.startswith("python etl/shard.py configs/etl/crema_d.yaml source=CREMA-D")
    assert "landmarks.root=/my models" in etl
    assert "gpu1.yaml train.py configs/train/paper.yaml" in train
    assert f"tracking.mlflow.uri=sqlite:///{work}/mlflow.db" in train
    assert evaluate.startswith("emotalk evaluate --config configs/evaluate/report.yaml")
    assert evaluate.endswith("baseline=/original")
    assert "report.html" in done.stdout


def test_steps_that_are_complete_are_skipped_and_a_broken_one_is_made_again(
    project: Path, tmp_path: Path
) -> None:
    done, calls = reproduced(project, tmp_path, BROKEN="run/status.json")
    assert done.returncode != 0
    assert [call.split()[0] for call in calls] == ["python", "accelerate"]
    done, calls = reproduced(project, tmp_path)
    assert [call.split()[0] for call in calls] == ["accelerate", "emotalk", "python"]
    done, calls = reproduced(project, tmp_path)
    assert (done.returncode, [call.split()[2] for call in calls]) == (
        0, ["emotalk.tracking.run_page"],
    )  # fmt: skip
    assert done.stdout.count("complete already") == 3


def test_other_settings_make_the_steps_again(project: Path, tmp_path: Path) -> None:
    reproduced(project, tmp_path)
    _, calls = reproduced(project, tmp_path, CONFIG="other")
    assert len(calls) == 4  # the last one asks for the page of the run


def test_nothing_is_made_where_something_is_missing_or_nothing_was_asked(
    project: Path, tmp_path: Path
) -> None:
    for settings in ({"MISSING": "2"}, {"SOURCE": ""}, {"ETL_SETTINGS": "'half"}):
        done, calls = reproduced(project, tmp_path, **settings)
        assert (done.returncode, calls) == (2, [])
    done, calls = reproduced(project, tmp_path, DRY_RUN="1")
    assert (done.returncode, calls) == (0, [])
    assert "$ accelerate launch" in done.stdout
    assert not (tmp_path / "work").exists()


SBATCH = """#!/bin/bash
echo "sbatch $* [job ${SLURM_JOB_ID:-none}]" >>"$SAID"
[[ $* == *--test-only* ]] && exit
echo 7
"""


def test_the_chain_may_be_a_job_itself(project: Path, tmp_path: Path) -> None:
    """Slurm runs a copy of the script, and tells the jobs it submits of this job's size."""
    (project / ".venv/bin/sbatch").write_text(SBATCH)
    spool = tmp_path / "spool" / "job1"
    spool.mkdir(parents=True)
    shutil.copy(ROOT / "slurm/chain.sh", spool / "slurm_script")
    (tmp_path / "CREMA-D").mkdir()
    said = tmp_path / "said"
    job = {
        "SLURM_JOB_ID": "1", "SLURM_SUBMIT_DIR": str(project), "SLURM_NNODES": "9",
        "SAID": str(said), "EVALUATE_CONFIG": "configs/evaluate/report.yaml",
    }  # fmt: skip
    configs = ("configs/etl/crema_d.yaml", "configs/train/paper.yaml")
    folders = (str(tmp_path / "CREMA-D"), str(tmp_path / "w"))
    done = subprocess.run(
        ["bash", str(spool / "slurm_script"), *configs, *folders],
        cwd=project, env=os.environ | job, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sent = [line for line in said.read_text().splitlines() if "--parsable" in line]
    assert [line.split(".sbatch")[0].split("/")[-1] for line in sent] == [
        "etl",
        "train",
        "evaluate",
    ]
    assert all(line.endswith("[job none]") for line in sent)
    assert "--config configs/evaluate/report.yaml" in sent[2]


@pytest.fixture(scope="module")
def plan() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plan", ROOT / "launch/reproduce_plan.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def clips(folder: Path, content: bytes) -> Path:
    """Write a corpus in CREMA-D's layout, all of whose files hold the same bytes."""
    for actor in (1001, 1002, 1003, 1004):
        for name, ending in (("VideoFlash", "flv"), ("AudioWAV", "wav")):
            path = folder / name / f"{actor}_IEO_ANG_HI.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return folder


def words_for(source: Path, work: Path, etl: tuple[str, ...], *train: str) -> list[str]:
    paths = [f"shards={work}/shards"]
    return [
        "--work", str(work),
        "--etl", "configs/etl/crema_d.yaml", f"source={source}", f"output={work}/shards", *etl,
        "--train", "configs/train/paper.yaml", *paths, f"run_dir={work}/run", *TINY, *train,
        "--evaluate", "configs/evaluate/report.yaml", *paths, f"checkpoint={work}/run",
        f"output={work}/report",
    ]  # fmt: skip


def test_the_plan_tells_hours_gigabytes_and_all_that_is_missing_with_its_remedy(
    plan: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    pointers = clips(tmp_path / "CREMA-D", b"version https://git-lfs.github.com/spec/v1\n")
    etl = (f"landmarks.root={tmp_path}", "landmarks.pack=none")
    mlflow = ("tracking.mlflow.enabled=true", "tracking.mlflow.uri=http://127.0.0.1:9")
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(plan, "CLIP_BYTES", 10**18)
    hour_each = StepTimes({"initialise": 7.2, "gan": 7.2}, 0.001)
    monkeypatch.setattr(plan, "measure_steps", lambda config: hour_each)
    whole = ("losses.perceptual.width=1",)
    assert plan.main(words_for(pointers, tmp_path / "w", etl, *mlflow, *whole)) == 2
    page = capsys.readouterr().out
    for what, remedy in {
        "VGG-19": "emotalk fetch vgg19",
        "4 of 4 looked at": "git lfs pull",
        "landmark pack: no models": "landmarks.root=DIR",
        "disk:": "WORK=DIR",
        "MLflow: nobody answers at 127.0.0.1:9": "sent later",
        "baseline: no BASELINE": "emotalk import-original",
    }.items():
        at = page.index(what)
        assert remedy in page[at : page.index("\n", page.index("->", at))], what
    (training,) = [line for line in page.splitlines() if line.startswith("  training")]
    assert training.split()[1:-2] == ["500", "+", "500", "steps", "of", "2", "clips"]
    assert float(training.split()[-2]) == 2.0
    assert all(len(line) <= 100 for line in page.splitlines()[:8])


def test_the_plan_of_a_machine_with_everything_lets_the_steps_begin(
    plan: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    source = clips(tmp_path / "CREMA-D", b"FLV")
    words = words_for(source, tmp_path / "w", ("landmarks.backend=sidecar",), RANDOM)
    assert plan.main(words) == 0
    page = capsys.readouterr().out
    assert "lacks" not in page
    assert "4 clips" in page
    assert plan.main(words_for(tmp_path / "nowhere", tmp_path / "w", ())) == 2


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_the_report_is_reproduced_on_the_drawn_corpus(tmp_path: Path) -> None:
    """Everything real but the size: CREMA-D's layout, drawn faces, tiny networks."""
    words = (
        "synth",
        tmp_path / "CREMA-D",
        "--actors",
        "4",
        "--clips-per-actor",
        "3",
        "--seed",
        "1",
    )
    subprocess.run([BIN / "emotalk", *words], check=True, capture_output=True)
    short = ("stages.initialise.iterations=2", "stages.gan.iterations=2", "checkpoint.every=2")
    settings = {
        "SOURCE": str(tmp_path / "CREMA-D"),
        "WORK": str(tmp_path / "work"),
        "ETL_SETTINGS": "landmarks.backend=sidecar workers=1 split.most=[4,2,3]",
        "TRAIN_SETTINGS": " ".join([*TINY, RANDOM, *short]),
        "EVALUATE_SETTINGS": "clips=2 other_speech=curve",
        "LAUNCH": "launch/accelerate/cpu1.yaml",
        "OMP_NUM_THREADS": "1",
    }
    words_of_make = ["bash", "launch/reproduce.sh"]

    def run() -> str:
        done = subprocess.run(
            words_of_make,
            cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    said = run()
    assert said.index("hours") < said.index("$ python etl/shard.py")
    report = json.loads((tmp_path / "work/report/report.json").read_text(encoding="utf-8"))
    assert report["as_reported"] is not None
    assert report["clips"] == 2
    assert json.loads((tmp_path / "work/run/status.json").read_text())["state"] == "done"
    assert run().count("complete already") == 3
