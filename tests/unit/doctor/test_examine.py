import shutil
from pathlib import Path

import pytest

from emotalk.doctor import examine as doctor
from emotalk.doctor.examine import Package, examine
from emotalk.doctor.finding import Finding, table


def finding(findings: list[Finding], subject: str) -> Finding:
    return next(found for found in findings if found.subject == subject)


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    packs = tmp_path_factory.mktemp("packs")
    (packs / "buffalo_l").mkdir()
    (packs / "buffalo_l" / "det.onnx").touch()
    packages = (
        Package("numpy", "import numpy", "numbers"),
        Package("no-such-package-anywhere", "import nothing", "dreams"),
        Package("pydantic", "raise ImportError('libGL.so.1: cannot open')", "checks"),
        Package("gradio", "import os; os.abort()", "web page", required=False),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", str(packs / "torch"))
        return examine(packages, packs=packs)


def test_a_package_that_loads_is_ok_with_its_version(findings: list[Finding]) -> None:
    assert finding(findings, "numpy").state == "ok"
    assert finding(findings, "numpy").detail[0].isdigit()


def test_a_package_that_is_not_there_says_how_to_get_it(findings: list[Finding]) -> None:
    missing = finding(findings, "no-such-package-anywhere")
    assert missing.is_fatal
    assert missing.remedy == "make setup"


def test_a_missing_system_library_is_named_by_its_debian_package(findings: list[Finding]) -> None:
    assert finding(findings, "pydantic").remedy == "apt-get install libgl1"


def test_a_crash_while_loading_is_a_finding_and_an_option_is_not_fatal(
    findings: list[Finding],
) -> None:
    crashed = finding(findings, "gradio")
    assert crashed.state == "lacks"
    assert not crashed.is_fatal


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("landmark packs", "buffalo_l"),
        ("checkpoint", ""),
        ("VGG-19", "vgg19"),
        ("browser codecs", "libx264"),
        ("C++ compiler", "g++"),
        ("Slurm", "sbatch"),
        ("Ray cluster", "RAY_ADDRESS"),
    ],
)
def test_every_part_is_looked_at(findings: list[Finding], subject: str, said: str) -> None:
    assert said in finding(findings, subject).detail


def test_the_table_ends_with_what_is_missing(findings: list[Finding]) -> None:
    assert table(findings).endswith("cannot run without: no-such-package-anywhere, pydantic")
    assert "-> apt-get install libgl1" in table(findings)


@pytest.mark.parametrize(("free_mib", "state"), [(64, "note"), (255, "note"), (256, "ok")])
def test_a_containers_small_shared_memory_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_mib: int, state: str
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=free_mib * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    noted = doctor._shared_memory(tmp_path)
    assert (noted.subject, noted.state) == ("shared memory", state)
    assert f"{free_mib} MiB free" in noted.detail
    assert "--shm-size=1g" in noted.remedy
    assert "data.workers=0" in noted.remedy


def test_doctor_looks_at_shared_memory(findings: list[Finding]) -> None:
    assert finding(findings, "shared memory").state in ("ok", "note")
