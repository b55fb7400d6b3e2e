"""Report what this machine has and lacks for each part of the project, with remedies."""

import platform
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psutil

from emotalk.doctor.finding import Finding, run_python
from emotalk.doctor.models import PACKS, examine_checkpoint, examine_packs, examine_vgg19
from emotalk.doctor.programs import (
    examine_codecs,
    examine_compiler,
    examine_ray,
    examine_slurm,
)
from emotalk.usable_cores import usable_cores

GIB = 2**30
MIB = 2**20
LEAST_SHARED_MIB = 256
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  where loader workers lay their batches
PYTHONS = ((3, 11), (3, 12))
LEAST_MEMORY_GIB = 6.0
LEAST_DISK_GIB = 2.0
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
    """Describe a library of the project."""

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
    Package("gradio", "import gradio", "web page", required=False),
)


def examine(
    packages: Sequence[Package] = PACKAGES,
    *,
    checkpoint: Path | None = None,
    packs: Path = PACKS,
) -> list[Finding]:
    """Return the findings: the machine, packages, models, and further needs of some parts.

    Each package is imported in a process of its own, so that a crash is a finding too.

    Args:
        packages: to import.
        checkpoint: a model to load; None: the example of the package.
        packs: the folder of insightface's model packs.
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
        examine_codecs(),
        examine_compiler(),
        examine_checkpoint(checkpoint),
        examine_packs(packs.expanduser()),
        examine_vgg19(),
        examine_slurm(),
        examine_ray(),
    ]


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
    said = run_python(statement)
    return "" if said.ok else said.line


def _accelerator() -> Finding:
    if not _fault_of("import torch, sys; sys.exit(not torch.cuda.is_available())"):
        return Finding("CUDA", "ok", "torch sees a device")
    return Finding("CUDA", "note", "torch sees no device: everything runs on the CPU, slowly")


def _torchaudio_native() -> Finding:
    if not _fault_of("import torchaudio"):
        return Finding("torchaudio native", "ok", "native library loads")
    return Finding("torchaudio native", "note", "native library does not load, not needed")
