"""The project's wheel and source distribution, built once for all tests of this folder."""

from pathlib import Path

import pytest

from tests.helpers.distributions import build_sdist, build_wheel, copy_project


@pytest.fixture(scope="session")
def project_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def wheel_file(project_copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(project_copy, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def sdist_file(project_copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_sdist(project_copy, tmp_path_factory.mktemp("sdist"))
