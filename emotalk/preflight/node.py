"""Print what one node sees and has, as lines of `emotalk.preflight.lines`.

    python -m emotalk.preflight.node --write FOLDER --probe NAME [--output FOLDER] [--read PATH ...]
        [--gpus N]

`slurm/preflight.sh` runs it on every node, and `emotalk.preflight.judge` compares the lines.
"""

import argparse
import errno
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from emotalk.node_name import node_name
from emotalk.preflight.lines import Facts, send

ROOT = Path(__file__).parents[2]
CODE = ("train.py", "emotalk/**/*.py", "etl/**/*.py")
NVIDIA_SMI_S = 30
QUERY = "index,name,memory.used,ecc.errors.uncorrected.volatile.total"
PLACES = {"tmp": "/tmp", "shm": "/dev/shm"}  # noqa: S108  whose room is asked for


def examine(
    *, write: Path, probe: str, read: Sequence[Path], gpus: int, output: Path | None = None
) -> Facts:
    """Return the facts about this node.

    Args:
        write: folder in which every node writes a file for the others, in a folder `probe`.
        probe: a name that is the job's own.
        read: files and folders that must be readable here.
        gpus: number of GPUs that the job has here; 0 asks for none.
        output: the job's output, if it is there already.
    """
    return {
        "reads": {str(path): read_fault(path) for path in read},
        "write": write_probe(write, probe),
        "output": {} if output is None else {str(output): write_fault(output)},
        "room": {"output": room(write), **{n: room(Path(p)) for n, p in PLACES.items()}},
        "python": platform.python_version(),
        "packages": packages(),
        "code": code_digest(ROOT),
        "gpus": {"expected": gpus, **(gpu_facts() if gpus else {"missing": True})},
    }


def read_fault(path: Path) -> str:
    """Return why a file or folder cannot be read here; an empty text if it can."""
    try:
        if path.is_dir():
            next(path.iterdir(), None)
        else:
            with path.open("rb") as file:
                file.read(1)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def write_fault(folder: Path) -> str:
    """Return why this user may not write in a folder here; an empty text if it may."""
    if os.access(folder, os.W_OK | os.X_OK):
        return ""
    try:
        only_read = os.statvfs(folder).f_flag & os.ST_RDONLY
    except OSError as error:
        return error.strerror or str(error)
    return os.strerror(errno.EROFS if only_read else errno.EACCES)


def write_probe(folder: Path, probe: str) -> Facts:
    """Write this node's probe file; return the fault, or by how much this node's clock is ahead.

    The clock is compared with that of the file's server, in seconds.
    """
    path = folder / probe / node_name()
    try:
        path.parent.mkdir(exist_ok=True)
        before = time.time()
        path.write_text(node_name(), encoding="utf-8")
        after = time.time()
        return {"fault": "", "ahead_s": (before + after) / 2 - path.stat().st_mtime}
    except OSError as error:
        return {"fault": error.strerror or str(error)}


def unseen(folder: Path, probe: str, nodes: Sequence[str]) -> list[str]:
    """Return the nodes whose probe files cannot be read here."""
    faults = {node: read_fault(folder / probe / node) for node in nodes}
    return [node for node, fault in faults.items() if fault]


def room(path: Path) -> Facts:
    """Return free bytes and, where the file system counts them, free inodes for this user."""
    try:
        found = os.statvfs(path)
    except OSError as error:
        return {"fault": error.strerror or str(error)}
    inodes = found.f_favail if found.f_files else None
    return {"free_bytes": found.f_bavail * found.f_frsize, "free_inodes": inodes}


def packages() -> dict[str, str]:
    """Return name -> version of every package as it is imported here.

    Of two that are installed, the one that comes first in the path is imported, as one of
    `~/.local` is before the environment's own.
    """
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        if name := distribution.metadata["Name"]:
            found.setdefault(str(name).lower(), distribution.version)
    return found


def code_digest(root: Path) -> str:
    """Return a hash of the project's code as it lies on this node."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in CODE for path in root.glob(pattern)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def gpu_facts() -> Facts:
    """Return what `nvidia-smi` says of the GPUs that this job may use."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return {"missing": True}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    chosen = ["-i", visible] if visible else []
    command = [program, *chosen, f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=NVIDIA_SMI_S, check=False
        )
    except subprocess.TimeoutExpired:
        return {"fault": f"nvidia-smi did not answer within {NVIDIA_SMI_S} s"}
    if done.returncode:
        return {"fault": (done.stdout + done.stderr).strip()[:300] or "nvidia-smi failed"}
    return {"devices": [_device(line) for line in done.stdout.splitlines() if line.strip()]}


def _device(line: str) -> Facts:
    index, name, used, ecc = (part.strip() for part in line.split(","))
    return {
        "index": index,
        "name": name,
        "used_mib": int(used) if used.isdigit() else None,
        "ecc_errors": int(ecc) if ecc.isdigit() else None,  # [N/A] without ECC memory
    }


def main(words: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="node", description="See the module's text.")
    parser.add_argument("--write", type=Path, required=True)
    parser.add_argument("--probe", required=True)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--read", type=Path, action="append", default=[])
    parser.add_argument("--gpus", type=int, default=0)
    options = parser.parse_args(words)
    facts = examine(
        write=options.write,
        probe=options.probe,
        read=options.read,
        gpus=options.gpus,
        output=options.output,
    )
    send("node", node_name(), facts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
