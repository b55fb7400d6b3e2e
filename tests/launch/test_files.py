"""Every file that starts something is well formed and says what it should."""

import json
import os
import re
import subprocess
import tomllib
from itertools import takewhile
from pathlib import Path

import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file

from emotalk.config.load import load_config
from emotalk.config.run import TrainConfig
from emotalk.distributed.zero import OURS, zero_settings

ROOT = Path(__file__).parents[2]
ACCELERATE = sorted(ROOT.glob("launch/accelerate/*.yaml"))
DEEPSPEED = sorted(ROOT.glob("launch/deepspeed/*.json"))
SCRIPTS = sorted(
    path
    for pattern in ("slurm/*.sh", "slurm/*.sbatch", "launch/*.sh", "tests/*/*.sh", ".ci/run")
    for path in ROOT.glob(pattern)
)
TRAIN_CONFIGS = sorted(ROOT.glob("configs/train/*.yaml"))
NEEDED = ("shards=x", "run_dir=x")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_scripts_parse(path: Path) -> None:
    subprocess.run(["bash", "-n", path], check=True)


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_scripts_pass_shellcheck(path: Path) -> None:
    shellcheck = ROOT / ".venv" / "bin" / "shellcheck"
    subprocess.run([shellcheck, "--external-sources", path], check=True, cwd=ROOT)


@pytest.mark.parametrize("path", sorted(ROOT.glob("slurm/*.sbatch")), ids=name)
def test_sbatch_options_come_before_the_first_command(path: Path) -> None:
    """Slurm stops reading them there, without a word."""
    lines = path.read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    assert not [line for line in lines[first:] if line.startswith("#SBATCH")]
    assert [line for line in lines[:first] if line.startswith("#SBATCH")]


@pytest.mark.parametrize("path", ACCELERATE, ids=name)
def test_accelerate_accepts_its_files(path: Path) -> None:
    config = load_config_from_file(str(path))
    assert config.mixed_precision == "no", "precision is runtime.precision"
    assert config.use_cpu is path.name.startswith("cpu")
    text = path.read_text(encoding="utf-8")
    assert name(path) in "".join(text.splitlines()[1:3]), "the file begins with how to launch it"


@pytest.mark.parametrize("path", ACCELERATE, ids=name)
def test_the_command_at_the_head_of_a_file_trains_with_as_many_processes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    head = " ".join(line[1:] for line in text.splitlines() if line.startswith("# "))
    words = head.split("train.py", 1)[1].split()
    config, *rest = words
    overrides = list(takewhile(lambda word: "=" in word, rest))
    runtime = load_config(TrainConfig, ROOT / config, overrides).runtime
    profile = yaml.safe_load(text)
    assert runtime.processes == profile.get("num_processes", 1)
    assert (runtime.engine == "deepspeed") is ("zero" in path.name)


@pytest.mark.parametrize("path", DEEPSPEED, ids=name)
def test_deepspeed_files_hold_zero_settings_and_nothing_that_the_training_configures(
    path: Path,
) -> None:
    given = json.loads(path.read_text(encoding="utf-8"))
    assert given["zero_optimization"]["stage"] == int(path.stem.removeprefix("zero"))
    assert not set(given) & set(OURS)
    assert zero_settings(path)["zero_optimization"] == given["zero_optimization"]


@pytest.mark.parametrize("path", TRAIN_CONFIGS, ids=name)
def test_the_deepspeed_files_that_configurations_name_exist(path: Path) -> None:
    vgg = ("losses.perceptual.network=vgg19", "losses.perceptual.weights=vgg19.pth")
    start = ["start_from=x"] if "sizes_from_start: true" in path.read_text("utf-8") else []
    files = load_config(TrainConfig, path, [*NEEDED, *vgg, *start]).runtime.deepspeed
    assert (ROOT / files.generator).exists()
    assert (ROOT / files.discriminators).exists()


def test_ray_accepts_the_cluster_file() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    path = ROOT / "launch" / "ray" / "cluster.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    validate_config(prepare_config(config))


def test_the_cluster_file_brings_the_project_and_its_environment() -> None:
    """`ray submit` copies the one script only."""
    text = (ROOT / "launch" / "ray" / "cluster.yaml").read_text(encoding="utf-8")
    config = yaml.safe_load(text)
    (folder,) = (target for target, source in config["file_mounts"].items() if source == ".")
    setup = "\n".join(config["setup_commands"])
    assert f"cd {folder} && make setup" in setup
    assert f"PATH={folder}/.venv/bin:$PATH" in setup
    # A folder named like the package, beside the script, would be found in its place.
    assert Path(folder).name not in {"emotalk", "etl"}


def test_make_alone_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    shown = subprocess.run(
        ["make"], cwd=ROOT, env=outside, capture_output=True, text=True, check=True
    ).stdout  # `make test` runs this: without its parent's flags, make says where it enters
    listed = {line.split()[1] for line in shown.splitlines()}
    assert listed == set(phony[1].split())


def test_constraints_pin_what_the_project_needs_and_name_no_build() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", pin) for pin in pins)
    pinned = {re.sub(r"[._-]+", "-", pin.split("==")[0]).lower() for pin in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[^A-Za-z0-9._-]", one)[0] for one in wanted}
    assert {re.sub(r"[._-]+", "-", one).lower() for one in names} <= pinned
