"""Build the project's wheel and source distribution from a copy of what git knows."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.helpers.known_files import known_files
from tests.helpers.tiny_training import ROOT

BUILD_SDIST = (
    "import sys; from setuptools import build_meta; print(build_meta.build_sdist(sys.argv[1]))"
)


def copy_project(folder: Path) -> Path:
    """Copy what git knows into a new folder, so that a build leaves the checkout alone."""
    for name in known_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


def build_wheel(source: Path, output: Path) -> Path:
    """Build the wheel of a source folder or a source distribution with this environment's tools."""
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    subprocess.run([*command, "-w", str(output), str(source)], check=True)
    (built,) = output.glob("emotalk-*.whl")
    return built


def build_sdist(source: Path, output: Path) -> Path:
    """Build the source distribution as a build front end does."""
    output.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", BUILD_SDIST, str(output.absolute())]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = output.glob("emotalk-*.tar.gz")
    return built
