"""The command that a refused number of processes is answered with: it is one that fits."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from emotalk.config.load import load_config
from emotalk.config.run import TrainConfig
from emotalk.errors import WrongUse
from emotalk.runs import process_count as fitting_launch
from emotalk.runs.command import main
from emotalk.runs.process_count import largest_fit, launch_command
from tests.helpers.tiny_training import ROOT, tiny_shards, tiny_yaml

PAPER = "configs/train/paper.yaml"
WORDS = ["shards=x", "losses.perceptual.network=random"]


@pytest.fixture(autouse=True)
def outside_of_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_GPUS_ON_NODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(ROOT)


def printed(capsys: pytest.CaptureFixture[str], words: list[str]) -> tuple[str, list[str]]:
    """Return what a refused command says, and the words of the command in it."""
    assert main(words) == 2
    said = capsys.readouterr().err
    return said, shlex.split(said.strip().splitlines()[-1])


@pytest.mark.parametrize(
    ("batch_size", "processes", "fit"), [(2, 8, 2), (64, 8, 8), (6, 4, 3), (7, 4, 1), (2, 1, 1)]
)
def test_the_largest_number_that_divides_the_batch(
    batch_size: int, processes: int, fit: int
) -> None:
    assert largest_fit(batch_size, processes) == fit


@pytest.mark.parametrize(
    "given", [["runtime.processes=8"], ["runtime.processes=8", "runtime.accumulate=2"]]
)
def test_the_reports_batch_is_offered_to_two_processes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, given: list[str]
) -> None:
    said, command = printed(capsys, [PAPER, *WORDS, f"run_dir={tmp_path}/run", *given, "--dry-run"])
    assert "data.batch_size 2 is not divisible" in said
    assert command[:3] == ["accelerate", "launch", "--config_file"]
    assert (ROOT / command[3]).exists()
    assert command[4:6] == ["--num_processes", "2"]
    path, *overrides = command[command.index("train.py") + 1 :]
    config = load_config(TrainConfig, Path(path), overrides)
    assert (config.runtime.processes, config.data.batch_size) == (2, 2)
    assert not (tmp_path / "run").exists(), "a dry run writes nothing, refused or not"


@pytest.mark.parametrize("preset", ["paper", "eskimez2021", "crema_d_large"])
def test_missing_weights_do_not_hide_the_command(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    preset: str,
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    words = [f"configs/train/{preset}.yaml", "shards=x", f"run_dir={tmp_path}/run"]
    said, command = printed(capsys, [*words, "runtime.processes=3", "--dry-run"])
    assert "not divisible" in said
    assert "after `emotalk fetch vgg19`" in said
    path, *overrides = command[command.index("train.py") + 1 :]
    network = "losses.perceptual.network=random"
    assert load_config(TrainConfig, Path(path), [*overrides, network]).runtime.processes < 3
    assert not any(word.startswith("runtime.accumulate") for word in overrides)
    assert main([*words, "--dry-run"]) == 2  # only the weights are missing
    assert "share" not in capsys.readouterr().err


def test_a_launch_of_eight_is_offered_what_its_batch_divides_among(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`accelerate launch` starts as many as there are GPUs, and paper.yaml says one."""
    monkeypatch.setenv("WORLD_SIZE", "8")
    said, command = printed(capsys, [PAPER, *WORDS, f"run_dir={tmp_path}/run"])
    assert "runtime.processes is 1, but the launcher started 8" in said
    assert command[4:6] == ["--num_processes", "2"]
    assert command[-1] == "runtime.processes=2"


def test_inside_a_job_the_command_submits_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    words = ["shards=x", "runtime.processes=2"]
    cpus = launch_command(Path(PAPER), words, 2)
    assert cpus == (
        "sbatch --nodes=1 --gpus-per-node=0 --export=ALL,PROCESSES_PER_NODE=2 slurm/train.sbatch "
        f"{PAPER} shards=x"
    )
    monkeypatch.setenv("SLURM_GPUS_ON_NODE", "4")
    gpus = launch_command(Path(PAPER), words, 2)
    assert gpus == f"sbatch --nodes=1 --gpus-per-node=2 slurm/train.sbatch {PAPER} shards=x"


def test_another_fault_is_not_answered_with_a_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["shards=x", f"run_dir={tmp_path}/run", "data.batch=3", "runtime.processes=8"]
    assert main([PAPER, *words]) == 2
    assert "accelerate launch" not in capsys.readouterr().err
    assert fitting_launch.fitting_advice(Path("none.yaml"), []) == ""


@pytest.mark.distributed
def test_the_printed_command_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = tiny_yaml(tmp_path, tiny_shards(tmp_path / "shards"))
    given = ["data.batch_size=2", "stages.emotion.iterations=1", "stages.gan.iterations=1"]
    asked = [str(config), *given, f"run_dir={tmp_path / 'run'}", "runtime.processes=8"]
    _, command = printed(capsys, [*asked, "--dry-run"])
    accelerate = Path(sys.executable).with_name("accelerate")
    done = subprocess.run(
        [accelerate, *command[1:]], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    with pytest.raises(WrongUse):
        load_config(TrainConfig, config, [*asked[1:]])
