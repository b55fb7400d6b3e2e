"""A cluster of any kind: environments without .venv, containers, memory; site.sh is read first."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.tiny_training import ROOT
from tests.launch.test_slurm_scripts import slurm

__all__ = ["slurm"]

SHOW = '. slurm/env.sh; echo "$(command -v python) | ${inside[*]} | ${every_node[*]}"'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project's folder without .venv, whose site.sh a test may write."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "slurm", folder / "slurm", ignore=shutil.ignore_patterns("site.sh"))
    (folder / "launch").symlink_to(ROOT / "launch")
    (folder / "etl").mkdir()
    for name in ("train.py", "etl/shard.py"):
        (folder / name).touch()
    return folder


def python_in(folder: Path, *, works: bool) -> Path:
    """Write a python that can or cannot import the project."""
    program = folder / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/bash\nexit {0 if works else 1}\n")
    program.chmod(0o755)
    return program


def shown(
    project: Path, slurm: dict[str, str], site: str = "", script: str = SHOW, **more: str
) -> subprocess.CompletedProcess[str]:
    if site:
        (project / "slurm" / "site.sh").write_text(site)
    return subprocess.run(
        ["bash", "-c", script],
        cwd=project, env=slurm | more, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_an_environment_that_the_site_names_is_taken(
    project: Path, slurm: dict[str, str], tmp_path: Path
) -> None:
    python = python_in(tmp_path / "conda", works=True)
    python_in(project / ".venv", works=True)
    done = shown(project, slurm, f"EMOTALK_ENV={tmp_path / 'conda'}\n")
    assert done.stdout.startswith(f"{python} |"), done.stderr
    assert shown(project, slurm, f"EMOTALK_ENV={tmp_path / 'none'}\n").returncode == 2


def test_a_python_that_a_module_puts_on_the_path_is_taken(
    project: Path, slurm: dict[str, str], tmp_path: Path
) -> None:
    python = python_in(tmp_path / "module", works=True)
    module = f"module() {{ PATH={tmp_path / 'module' / 'bin'}:$PATH; }}\nmodule load python\n"
    assert shown(project, slurm, module).stdout.startswith(f"{python} |")


def test_a_python_without_the_project_is_refused_in_one_line(
    project: Path, slurm: dict[str, str], tmp_path: Path
) -> None:
    python_in(tmp_path / "other", works=False)
    path = f"{tmp_path / 'other' / 'bin'}:{slurm['PATH']}"
    done = shown(project, slurm, PATH=path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "make setup" in done.stderr
    assert "slurm/site.sh" in done.stderr


@pytest.mark.parametrize("named", [False, True])
def test_a_python_that_lacks_the_packages_is_refused_by_the_name_of_one(
    project: Path, slurm: dict[str, str], tmp_path: Path, named: bool
) -> None:
    """The project's folder is on the path of every python: that it imports alone says nothing."""
    (project / "emotalk").symlink_to(ROOT / "emotalk")
    python = python_in(tmp_path / "bare", works=True)
    python.write_text(f'#!/bin/bash\nexec {sys.executable} -S "$@"\n')  # -S: without site-packages
    site = (
        f"EMOTALK_ENV={tmp_path / 'bare'}\n" if named else f"PATH={tmp_path / 'bare/bin'}:$PATH\n"
    )
    done = shown(project, slurm, site)
    assert done.returncode == 2, done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert "does not run the project (ModuleNotFoundError: No module named" in done.stderr


def test_site_sh_may_read_variables_that_are_not_set_and_the_job_may_not(
    project: Path, slurm: dict[str, str]
) -> None:
    (project / ".venv").symlink_to(ROOT / ".venv")
    site = "export MODULES=$MODULES_THAT_NOBODY_SET:more\n"
    done = shown(project, slurm, site, 'set -euo pipefail; . slurm/env.sh; echo "$MODULES"')
    assert (done.returncode, done.stdout) == (0, ":more\n"), done.stderr
    done = shown(project, slurm, site, 'set -euo pipefail; . slurm/env.sh; echo "$NOBODY_SET"')
    assert "NOBODY_SET: unbound variable" in done.stderr


@pytest.mark.parametrize(
    ("site", "said"),
    [
        ("\nmodule load cuda\n", "line 2 ended with code 127: module load cuda"),
        ("set -e\nfalse\ntrue\n", "line 2 ended with code 1: false"),
        ("quota() { return 4; }\nquota\ntrue\n", "line 2 ended with code 4"),
        (". /nowhere/modules.sh\n", "line 1 ended with code 1: . /nowhere/modules.sh"),
        ("if [[ x\n", "line 1: "),
    ],
)
def test_a_command_of_site_sh_that_fails_is_named_with_its_line(
    project: Path, slurm: dict[str, str], site: str, said: str
) -> None:
    (project / ".venv").symlink_to(ROOT / ".venv")
    done = shown(project, slurm, site, f"set -euo pipefail; {SHOW}")
    assert (done.returncode, done.stdout) == (2, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("job: slurm/site.sh")
    assert said in last


@pytest.mark.parametrize(
    "site",
    [
        "export A=b\n[[ $HOSTNAME == nobody ]] && export http_proxy=x\n",  # the last line
        "activate() { false; true; }\nactivate\n",  # as conda's does
        "cd /\n",
        "false || true\n",
    ],
)
def test_what_does_no_harm_in_site_sh_ends_no_job(
    project: Path, slurm: dict[str, str], site: str
) -> None:
    (project / ".venv").symlink_to(ROOT / ".venv")
    done = shown(project, slurm, site, 'set -euo pipefail; . slurm/env.sh; echo "$PWD"; false; :')
    assert done.stdout == f"{project}\n", done.stderr
    assert done.returncode == 1, "a command of the job that fails ends it as before"


@pytest.mark.parametrize(
    "name", ["MAX_RETRIES", "MAX_RESTARTS", "STEP_WAIT_S", "ASK_AGAIN_S", "PROCESSES_PER_NODE"]
)
@pytest.mark.parametrize("by_site", [False, True])
def test_a_setting_that_is_no_number_stops_the_job_at_its_start(
    project: Path, slurm: dict[str, str], name: str, by_site: bool
) -> None:
    (project / ".venv").symlink_to(ROOT / ".venv")
    for value in ("unlimited", "-1", "1.5", "1 2"):
        site, more = ("", {name: value}) if not by_site else (f"export {name}='{value}'\n", {})
        done = shown(project, slurm, site, f"set -euo pipefail; {SHOW}", **more)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"job: {name}={value}: give a whole number, ")
    script = f'set -euo pipefail; . slurm/env.sh; echo "${{{name}}}"'
    assert shown(project, slurm, "# nothing\n", script, **{name: "08"}).stdout == "8\n"


def test_the_words_of_a_container_stand_before_our_commands(
    project: Path, slurm: dict[str, str], tmp_path: Path
) -> None:
    program = tmp_path / "apptainer"
    program.write_text("#!/bin/bash\n")
    program.chmod(0o755)
    site = f"export SITE_RUN=\"{program} exec --nv --bind '/my data' image.sif\"\n"
    done = shown(project, slurm, site)
    assert f"| {program} exec --nv --bind /my data image.sif |" in done.stdout, done.stderr
    words = ["bash", "slurm/evaluate.sbatch", "shards", "out", "run"]
    subprocess.run(words, cwd=project, env=slurm, check=True, capture_output=True)
    said = Path(slurm["SAID"]).read_text(encoding="utf-8")
    assert "--bind /my data image.sif python -m emotalk.cli evaluate --checkpoint" in said


def test_the_words_of_pyxis_stand_behind_each_srun(project: Path, slurm: dict[str, str]) -> None:
    done = shown(project, slurm, 'export SITE_SRUN="--container-image=a.sqsh"\n')
    assert done.stdout.rstrip().endswith("--cpus-per-task=1 --container-image=a.sqsh")


def test_a_quote_without_its_end_is_named(project: Path, slurm: dict[str, str]) -> None:
    done = shown(project, slurm, 'export SITE_RUN="apptainer \'exec"\n')
    assert (done.returncode, "SITE_RUN" in done.stderr) == (2, True)


def test_every_line_of_the_example_is_a_comment_or_can_be_run(project: Path) -> None:
    text = (ROOT / "slurm" / "site.sh.example").read_text(encoding="utf-8")
    assert all(line.startswith("#") for line in text.splitlines() if line)
    lines = [x.removeprefix("# ") for x in text.splitlines() if x.startswith(("# export", "# mod"))]
    assert len(lines) >= 6
    subprocess.run(["bash", "-nc", "\n".join(lines)], check=True)


RAY = '#!/bin/bash\nprintf "%s\\n" "$*" >> "$SAID"\n'
DF = "#!/bin/bash\nprintf 'Avail\\n%s\\n' \"$ROOM\"\n"


@pytest.mark.parametrize(
    ("job", "room", "told"),
    [
        ({"SLURM_MEM_PER_NODE": "10000"}, "9000", (7000, 3000)),
        ({"SLURM_MEM_PER_NODE": "10000"}, "1000", (9100, 900)),
        ({"SLURM_MEM_PER_CPU": "1000", "SLURM_CPUS_ON_NODE": "4"}, "9000", (2800, 1200)),
        ({}, "9000", None),
        ({"SLURM_MEM_PER_NODE": "0"}, "9000", None),  # --mem=0: all that the node has
    ],
)
def test_ray_is_told_the_memory_of_the_job(
    slurm: dict[str, str], tmp_path: Path, job: dict[str, str], room: str,
    told: tuple[int, int] | None,
) -> None:  # fmt: skip
    for name, text in (("ray", RAY), ("df", DF)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    words = ["bash", "slurm/ray_node.sh", str(tmp_path / "ray-7"), "--num-cpus=4"]
    environment = slurm | job | {"ROOM": room}
    with subprocess.Popen(words, cwd=ROOT, env=environment, stdin=subprocess.PIPE) as node:
        node.wait(timeout=60)  # its input stays open
    said = Path(slurm["SAID"]).read_text(encoding="utf-8").splitlines()[0]
    memory, store = (0, 0) if told is None else told
    limits = f" --memory={memory * 2**20} --object-store-memory={store * 2**20}"
    assert said == f"start --block --num-cpus=4{'' if told is None else limits}"


SLOW_RAY = """#!/bin/bash
echo try >> "$SAID"
(($(wc -l < "$SAID") > 2)) && exit 0
echo "Exception: The current node timed out during startup." >&2
exit 1
"""


@pytest.mark.parametrize(
    ("words", "code", "tries"), [("timed out during startup", 0, 3), ("out of order", 1, 1)]
)
def test_a_node_of_ray_that_timed_out_is_started_again(
    slurm: dict[str, str], tmp_path: Path, words: str, code: int, tries: int
) -> None:
    ray = tmp_path / "ray"
    ray.write_text(SLOW_RAY.replace("timed out during startup", words))
    ray.chmod(0o755)
    (tmp_path / "tmp").mkdir()
    command = ["bash", "slurm/ray_node.sh", str(tmp_path / "ray-7"), "--num-cpus=4"]
    environment = slurm | {"TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE) as node:
        assert node.wait(timeout=120) == code  # its input stays open
    assert len(Path(slurm["SAID"]).read_text(encoding="utf-8").splitlines()) == tries
    assert not list((tmp_path / "tmp").iterdir())
    assert not (tmp_path / "ray-7").exists()


def test_a_node_of_ray_removes_what_jobs_that_are_gone_left_there(
    slurm: dict[str, str], tmp_path: Path
) -> None:
    """Job 5 is gone, 6 runs; what has not our mark is somebody else's."""
    squeue = '#!/bin/bash\n[[ $* == *=6 ]] && echo 6 && exit\necho "Invalid job id" >&2; exit 1\n'
    for name, text in (("ray", "#!/bin/bash\n"), ("squeue", squeue)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    temporary = tmp_path / "tmp"
    names = ("ray-5", "ray-6", "ray-4", "emotalk-5.0-abcdef", "emotalk-6.0-abcdef")
    for name in names:
        (temporary / name).mkdir(parents=True)
        if name != "ray-4":
            (temporary / name / ".emotalk-job").touch()
    command = ["bash", "slurm/ray_node.sh", str(temporary / "ray-7")]
    environment = slurm | {"TMPDIR": str(temporary)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE) as node:
        assert node.wait(timeout=120) == 0
    left = sorted(path.name for path in temporary.iterdir())
    assert left == ["emotalk-6.0-abcdef", "ray-4", "ray-6"]


LITTERING = """#!/bin/bash
touch "$TMPDIR/log"
echo "$TMPDIR $*" >> "$SAID"
[[ -z ${KILLED:-} ]] || kill -s "$KILLED" $PPID
[[ -z ${SIGNAL:-} ]] || kill -s "$SIGNAL" $$
exit 3
"""


@pytest.fixture
def launched(
    slurm: dict[str, str], tmp_path: Path
) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Return a function that runs a node's step of job 7 with a launcher that writes to TMPDIR."""
    python_in(tmp_path, works=True).write_text(LITTERING)
    (tmp_path / "squeue").write_text('#!/bin/bash\necho "Invalid job id" >&2; exit 1\n')
    (tmp_path / "squeue").chmod(0o755)
    (tmp_path / "tmp").mkdir()
    environment = {
        **slurm,
        "PATH": f"{tmp_path / 'bin'}:{slurm['PATH']}",
        "TMPDIR": str(tmp_path / "tmp"),
        "SLURM_NODEID": "0",
        "SLURM_JOB_ID": "7",
    }

    def run(**more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "slurm/train_node.sh", "--", "train.py"],
            cwd=ROOT, env=environment | more, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.mark.parametrize(("ends", "code"), [({}, 3), ({"SIGNAL": "KILL"}, -9)])
def test_a_launcher_leaves_no_temporary_files_and_ends_as_it_ended(
    launched: Callable[..., "subprocess.CompletedProcess[str]"],
    slurm: dict[str, str],
    tmp_path: Path,
    ends: dict[str, str],
    code: int,
) -> None:
    assert launched(**ends).returncode == code
    there = tmp_path / "tmp" / "emotalk-7.0-"
    assert Path(slurm["SAID"]).read_text(encoding="utf-8").startswith(str(there))
    assert not list((tmp_path / "tmp").iterdir())


def test_what_a_killed_step_leaves_is_removed_by_the_next_attempt_there(
    launched: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    assert launched(KILLED="KILL").returncode == -9
    (left,) = (tmp_path / "tmp").iterdir()
    assert left.name.startswith("emotalk-7.0-")
    launched()  # of the same attempt, as a try with another port: another step may still use it
    assert left.is_dir()
    launched(SLURM_RESTART_COUNT="1")
    assert not left.exists()


def test_what_cannot_be_removed_keeps_no_job_from_its_start(
    launched: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    """As where a step of another job is removing the same folder."""
    left = tmp_path / "tmp" / "emotalk-5.0-abcdef"
    left.mkdir()
    (left / ".emotalk-job").touch()
    (tmp_path / "bin" / "rm").write_text('#!/bin/bash\n[[ $* != *-5.0-* ]] && exec /bin/rm "$@"\n')
    (tmp_path / "bin" / "rm").chmod(0o755)
    assert launched().returncode == 3, "the launcher's own"
    assert list((tmp_path / "tmp").iterdir()) == [left]


def test_the_first_words_of_a_launcher_are_those_of_the_container(tmp_path: Path) -> None:
    python_in(tmp_path, works=True).write_text('#!/bin/bash\necho "python $*"\n')
    inner = tmp_path / "bin" / "inside"
    inner.write_text('#!/bin/bash\necho "in $1"; shift; "$@"\n')
    inner.chmod(0o755)
    done = subprocess.run(
        ["bash", "slurm/train_node.sh", "inside", "my image", "--", "--num_machines", "2", "a b"],
        cwd=ROOT, capture_output=True, text=True, check=True,
        env={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "SLURM_NODEID": "1"},
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "in my image",
        "python -m accelerate.commands.launch --machine_rank 1 --num_machines 2 a b",
    ]
