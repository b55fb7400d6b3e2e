"""The wheel and the source distribution hold what the project's users need, and nothing else."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.helpers.distributions import build_wheel
from tests.helpers.known_files import known_files
from tests.helpers.tiny_training import ROOT

NEEDED = (
    "emotalk/py.typed",
    "emotalk/app/page.css",
    "emotalk/evaluation/page.html",
    "emotalk/html_pages/style.css",
    "emotalk/pretrained/landmark_net.safetensors",
    "emotalk/pretrained/emotion_net.safetensors",
    "emotalk/pretrained/example/README.md",
    "emotalk/pretrained/example/generator.safetensors",
    "emotalk/pretrained/example/model.json",
    "emotalk/pretrained/example_inputs/face_1.png",
    "emotalk/pretrained/example_inputs/speech.flac",
    "emotalk/configs/evaluate/default.yaml",
    "emotalk/configs/evaluate/report.yaml",
    "emotalk/configs/train/paper.yaml",
    "emotalk/configs/etl/crema_d.yaml",
    "etl/shard.py",
)
# What a checkout needs beside the package. Neither tests nor launch scripts are among it.
SOURCE_ONLY = {"LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.py"}
ONLY_SHOWN = "/pretrained/example_pictures/"
MADE_BY_SETUPTOOLS = {"PKG-INFO", "setup.cfg"}


@pytest.fixture(scope="module")
def wheel(wheel_file: Path) -> dict[str, bytes]:
    return _members(wheel_file)


def test_the_wheel_holds_weights_pages_and_configurations(wheel: dict[str, bytes]) -> None:
    assert set(NEEDED) <= set(wheel)
    known = {path.relative_to(ROOT).as_posix() for path in (ROOT / "configs").rglob("*.yaml")}
    assert {f"emotalk/{name}" for name in known} <= set(wheel)


def test_the_wheel_holds_every_file_of_both_packages(wheel: dict[str, bytes]) -> None:
    """But for what readers of the checkout look at: pages of text, and the pictures of README."""
    known = [name for name in known_files() if name.startswith(("emotalk/", "etl/"))]
    packed = {x for x in known if not x.endswith(".md") and ONLY_SHOWN not in x}
    assert len(packed) > 200
    assert packed <= set(wheel)


def test_the_wheel_holds_nothing_but_files_of_the_project(wheel: dict[str, bytes]) -> None:
    """No tests, caches or left-overs: each member is a file of git's, byte for byte."""
    foreign = []
    for name, content in wheel.items():
        if name.partition("/")[0].endswith(".dist-info"):
            continue
        origin = ROOT / name.removeprefix("emotalk/" if name.startswith("emotalk/configs/") else "")
        if not name.startswith(("emotalk/", "etl/")) or not origin.is_file():
            foreign.append(name)
        elif origin.read_bytes() != content:
            foreign.append(f"{name} (differs)")
    assert foreign == []


def test_the_wheel_carries_the_licence_and_names_it(wheel: dict[str, bytes]) -> None:
    (licence,) = [name for name in wheel if name.endswith(".dist-info/licenses/LICENSE")]
    assert wheel[licence] == (ROOT / "LICENSE").read_bytes()
    (metadata,) = [name for name in wheel if name.endswith(".dist-info/METADATA")]
    assert b"License-Expression: MIT\n" in wheel[metadata]


def test_the_source_distribution_holds_the_package_and_how_to_build_it_alone(
    sdist_file: Path,
) -> None:
    known = set(known_files())
    with tarfile.open(sdist_file) as tar:
        names = {member.name.partition("/")[2] for member in tar if member.isfile()}
    assert names >= SOURCE_ONLY
    rest = names - SOURCE_ONLY - MADE_BY_SETUPTOOLS
    rest = {name for name in rest if not name.startswith("emotalk.egg-info/")}
    assert rest <= known
    assert {name.partition("/")[0] for name in rest} == {"configs", "emotalk", "etl"}


@pytest.mark.timeout(600)
def test_the_source_distribution_builds_the_same_wheel(
    sdist_file: Path, wheel: dict[str, bytes], tmp_path: Path
) -> None:
    assert _members(build_wheel(sdist_file, tmp_path)) == wheel


def _members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist() if not name.endswith("/")}
