"""The image is what the Dockerfile promises, as far as it can be told without building one.

`docker build` and `docker run` are not tried here; `test_container_build.py` builds with buildah.
"""

import fnmatch
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.known_files import known_files
from tests.helpers.tiny_training import ROOT

DOCKERFILE = ROOT / "launch" / "container" / "Dockerfile"
INSTALLED_BY_SETUP = re.compile(r"missing\+=\((lib\w[\w.-]*)\)")


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions and their words, without comments."""
    lines = [x for x in DOCKERFILE.read_text(encoding="utf-8").splitlines() if x[:1] != "#"]
    joined = "\n".join(lines).replace("\\\n", " ")
    parted = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [(word, " ".join(rest.split())) for word, rest in parted]


def is_left_out(path: str) -> bool:
    """Return whether .dockerignore keeps a path out of the image; its last fitting line counts."""
    left_out = False
    folders = [str(part) for part in Path(path).parents if str(part) != "."]
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        names = [path, *folders]
        if any(_fits(name, pattern) for name in names):
            left_out = not line.startswith("!")
    return left_out


def _fits(name: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        tail = pattern.removeprefix("**/")
        return fnmatch.fnmatch(Path(name).name, tail)
    return name.count("/") == pattern.count("/") and fnmatch.fnmatch(name, pattern)


def test_the_linter_finds_nothing() -> None:
    hadolint = ROOT / ".venv" / "bin" / "hadolint"
    done = subprocess.run(
        [hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_commands_of_the_image_run_as_a_plain_user() -> None:
    users = [rest for word, rest in instructions() if word == "USER"]
    assert users
    assert all(re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) for user in users)


def test_a_change_of_the_code_installs_nothing_anew() -> None:
    """Layers before the code's need the lists of packages alone, none after it a network."""
    steps = instructions()
    code = steps.index(("COPY", "--chown=10001:10001 . ."))
    (install,) = [i for i, (word, rest) in enumerate(steps) if word == "RUN" and "pip" in rest]
    assert install < code
    copied = " ".join(rest for word, rest in steps[:code] if word == "COPY").split()
    assert set(copied) == {
        "--chown=10001:10001", "pyproject.toml", "setup.py", "constraints.txt", "LICENSE", "./",
    }  # fmt: skip
    assert not any("pip " in rest or "apt-get" in rest for _, rest in steps[code:])


def test_the_base_is_an_argument() -> None:
    steps = instructions()
    assert steps[0][0] == "ARG"
    assert steps[1] == ("FROM", "${BASE}")


def test_the_image_has_the_libraries_that_the_setup_asks_for() -> None:
    asked = INSTALLED_BY_SETUP.findall((ROOT / "launch" / "setup.sh").read_text(encoding="utf-8"))
    assert len(asked) >= 2
    (packages,) = [rest for word, rest in instructions() if "apt-get install" in rest]
    assert set(asked) <= set(packages.split())


def test_the_image_holds_all_of_the_project_and_nothing_else_of_its_folder() -> None:
    listed = known_files()
    assert len(listed) > 500
    missing = [path for path in listed if is_left_out(path)]
    assert missing == []
    for path in (
        "slurm/site.sh", "launch/mlflow_auth.ini", "mlflow.db", ".venv/bin/python", "demo/a.png",
        "runs/first/config.yaml", ".git/config", "emotalk/__pycache__/a.pyc", ".env",
        "emotalk-train-7.log",
    ):  # fmt: skip
        assert is_left_out(path), path


@pytest.mark.slow
def test_packages_installed_while_empty_are_the_code_that_comes_later(tmp_path: Path) -> None:
    """The steps of the image in a folder, without the dependencies: only the build needs pip."""
    (step,) = [rest for word, rest in instructions() if word == "RUN" and "pip" in rest]
    for name in ("pyproject.toml", "setup.py", "constraints.txt", "LICENSE"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    venv = tmp_path / "venv"
    step = step.replace("/opt/venv", str(venv)).replace("python3 ", f"{sys.executable} ")
    step = step.replace("--editable", "--no-deps --editable")
    settings = {"TORCH_INDEX": "", "EXTRAS": "dev", "PATH": "/usr/bin:/bin"}
    subprocess.run(["bash", "-euc", step], cwd=tmp_path, env=settings, check=True)
    (tmp_path / "emotalk" / "errors.py").write_text("LATER = 1\n")
    ask = [
        str(venv / "bin" / "python"),
        "-c",
        "import emotalk.errors as e; print(e.LATER, e.__file__)",
    ]
    said = subprocess.run(ask, cwd="/", capture_output=True, text=True, check=True).stdout
    assert said == f"1 {tmp_path / 'emotalk' / 'errors.py'}\n"
    assert (venv / "bin" / "emotalk").exists()
