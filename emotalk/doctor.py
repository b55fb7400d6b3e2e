"""Report what this machine has and lacks for each part of the project, with remedies."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import psutil

from emotalk.usable_cores import usable_cores

State = Literal["ok", "lacks", "note"]  # note: worth knowing, nothing to do

GIB = 2**30
IMPORT_TIMEOUT_S = 120
MIB = 2**20
LEAST_SHARED_MIB = 256
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  where loader workers lay their batches
PYTHONS = ((3, 11), (3, 12))
LEAST_MEMORY_GIB = 6.0
LEAST_DISK_GIB = 2.0
PACKS = Path("~/.insightface/models")
SET_UP = "make setup"
SYSTEM_LIBRARIES = {
    "libGL.so.1": "apt-get install libgl1",
    "libgthread-2.0.so.0": "apt-get install libglib2.0-0",
    "libglib-2.0.so.0": "apt-get install libglib2.0-0",
    "libxcb.so.1": "apt-get install libxcb1",
    "libgomp.so.1": "apt-get install libgomp1",
}


@dataclass(frozen=True)
class Package:
    """Describes a library of the project."""

    name: str  # as it is installed
    statement: str  # Python code that runs if the library works
    purpose: str  # the part of the project that uses it
    required: bool = True  # whether the project does not run without it


PACKAGES = (
    Package("torch", "import torch", "networks"),
    Package(
        "torchaudio",
        "from emotalk.media.torchaudio_cpu import functional; functional()",
        "sound",
    ),
    Package("opencv-python", "import cv2", "alignment of faces"),
    Package("onnxruntime", "import onnxruntime", "landmark models"),
    Package(
        "silero-vad",
        "from emotalk.media.voice_activity import load_model; load_model()",
        "speech and pauses, in evaluations and long recordings",
    ),
    Package("insightface", "from insightface.app import FaceAnalysis", "faces and landmarks"),
    Package("decord", "import decord", "reading videos"),
    Package("av", "import av", "writing videos"),
    Package("soundfile", "import soundfile", "reading shards' sound"),
    Package("webdataset", "import webdataset", "shards"),
    Package("kornia", "import kornia.enhance", "augmentation"),
    Package("accelerate", "import accelerate", "training"),
    Package("deepspeed", "import deepspeed", "training with ZeRO"),
    Package("ray", "import ray", "ETL"),
    Package("mlflow", "import mlflow", "tracking"),
    Package("starlette", "import starlette, uvicorn", "web page", required=False),
)


@dataclass(frozen=True)
class Finding:
    """Holds one line of the report."""

    subject: str  # the part that was examined
    state: State
    detail: str  # the result of the examination
    remedy: str = ""  # how to get the missing part
    required: bool = False  # whether the project does not run without it

    @property
    def is_fatal(self) -> bool:
        """Return whether the project cannot run because of it."""
        return self.required and self.state == "lacks"


def examine(packages: Sequence[Package] = PACKAGES, *, packs: Path = PACKS) -> list[Finding]:
    """Return the findings: the machine, packages, and further needs of some parts.

    Each package is imported in a process of its own, so that a crash is a finding too. `packs` is
    the folder of insightface's model packs.
    """
    with ThreadPoolExecutor(max_workers=usable_cores()) as pool:
        imported = list(pool.map(_package, packages))
    return [
        _python(),
        _processor(),
        _memory(),
        _disk(),
        _shared_memory(),
        *imported,
        _accelerator(),
        _torchaudio_native(),
        _compiler(),
        _model_packs(packs.expanduser()),
        _slurm(),
    ]


def table(findings: Sequence[Finding]) -> str:
    """Return the findings as aligned lines, with remedies below."""
    width = max(len(finding.subject) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:<6} {finding.subject:<{width}}  {finding.detail}".rstrip())
        if finding.remedy and finding.state != "ok":
            lines.append(f"{'':<6} {'':<{width}}  -> {finding.remedy}")
    fatal = [finding.subject for finding in findings if finding.is_fatal]
    verdict = f"cannot run without: {', '.join(fatal)}" if fatal else "everything required is here"
    return "\n".join([*lines, "", verdict])


def _python() -> Finding:
    supported = sys.version_info[:2] in PYTHONS
    names = " or ".join(f"{major}.{minor}" for major, minor in PYTHONS)
    return Finding(
        "python",
        "ok" if supported else "lacks",
        f"{platform.python_version()} ({sys.executable})",
        f"install Python {names} and run {SET_UP} PYTHON=python3.11",
        required=True,
    )


def _processor() -> Finding:
    usable = usable_cores()
    return Finding("processor", "ok", f"{usable} cores usable, {platform.machine()}")


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    enough = memory.available / GIB >= LEAST_MEMORY_GIB
    return Finding(
        "memory",
        "ok" if enough else "note",
        f"{memory.available / GIB:.1f} GiB free of {memory.total / GIB:.1f}",
        f"the demo wants {LEAST_MEMORY_GIB:.0f} GiB free",
    )


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / GIB
    return Finding(
        "disk",
        "ok" if free >= LEAST_DISK_GIB else "note",
        f"{free:.1f} GiB free in {Path.cwd()}",
        f"the demo wants {LEAST_DISK_GIB:.0f} GiB free",
    )


def _shared_memory(folder: Path = SHARED_MEMORY) -> Finding:
    """Check the shared memory for loader batches, of which containers have only 64 MiB."""
    if not folder.is_dir():
        return Finding("shared memory", "ok", f"no {folder}: this system shares memory elsewhere")
    usage = shutil.disk_usage(folder)
    return Finding(
        "shared memory",
        "ok" if usage.free / MIB >= LEAST_SHARED_MIB else "note",
        f"{usage.free / MIB:.0f} MiB free of {usage.total / MIB:.0f} in {folder}",
        "larger batches find no room: start the container with --shm-size=1g, or train with "
        "data.workers=0",
    )


def _package(package: Package) -> Finding:
    try:
        version = metadata.version(package.name)
    except metadata.PackageNotFoundError:
        remedy = SET_UP if package.required else "pip install 'emotalk[app]'"
        return Finding(
            package.name, "lacks", f"not installed ({package.purpose})", remedy, package.required
        )
    fault = _fault_of(package.statement)
    if not fault:
        return Finding(package.name, "ok", f"{version} ({package.purpose})")
    remedies = [how for library, how in SYSTEM_LIBRARIES.items() if library in fault]
    detail = f"{version} is installed but does not load: {fault}"
    return Finding(
        package.name, "lacks", detail, remedies[0] if remedies else SET_UP, package.required
    )


def _fault_of(statement: str) -> str:
    """Return the last line of the error of `statement`; empty if it runs."""
    try:
        ended = subprocess.run(
            [sys.executable, "-c", statement],
            capture_output=True,
            text=True,
            timeout=IMPORT_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"took more than {IMPORT_TIMEOUT_S} s"
    if ended.returncode == 0:
        return ""
    lines = ended.stderr.strip().splitlines()
    return lines[-1] if lines else f"ended with code {ended.returncode}"


def _accelerator() -> Finding:
    if not _fault_of("import torch, sys; sys.exit(not torch.cuda.is_available())"):
        return Finding("CUDA", "ok", "torch sees a device")
    return Finding("CUDA", "note", "torch sees no device: everything runs on the CPU, slowly")


def _torchaudio_native() -> Finding:
    if not _fault_of("import torchaudio"):
        return Finding("torchaudio native", "ok", "native library loads")
    return Finding("torchaudio native", "note", "native library does not load, not needed")


def _compiler() -> Finding:
    # pip's ninja lies beside the interpreter, whether or not the environment is activated
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    missing = [tool for tool in ("g++", "ninja") if shutil.which(tool, path=path) is None]
    if not missing:
        return Finding("C++ compiler", "ok", "g++ and ninja (DeepSpeed builds parts when it runs)")
    return Finding(
        "C++ compiler",
        "note",
        f"no {' and no '.join(missing)}: DeepSpeed cannot build its parts when it runs",
        "apt-get install g++ ninja-build; runtime.engine=ddp does without",
    )


def _model_packs(folder: Path) -> Finding:
    found = sorted({model.parent.name for model in folder.glob("*/*.onnx")})
    if found:
        return Finding("landmark packs", "ok", f"{', '.join(found)} in {folder}")
    return Finding(
        "landmark packs",
        "note",
        f"none in {folder}",
        "needed for photographs, not for drawn faces; name a folder you have with --root and "
        "--pack, or fetch buffalo_l once with internet: "
        "python -c \"from insightface.app import FaceAnalysis; FaceAnalysis('buffalo_l')\"",
    )


def _slurm() -> Finding:
    if shutil.which("sbatch"):
        return Finding("Slurm", "ok", "sbatch is here")
    return Finding("Slurm", "note", "no sbatch: jobs of slurm/ are sent from a cluster's node")
