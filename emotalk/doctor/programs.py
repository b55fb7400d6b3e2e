"""Examine programs and encoders: those of videos, a compiler, Slurm, Ray."""

import os
import shutil
import sys
from pathlib import Path

from emotalk.doctor.finding import Finding, run_program, run_python

ENCODERS = {
    "libx264": ".mp4",
    "aac": ".mp4",
    "libvpx-vp9": ".webm",
    "libopus": ".webm",
    "gif": ".gif",
}
FIND_ENCODERS = """
import sys
import av
def has(name):
    try:
        return av.Codec(name, "w") is not None
    except av.codec.codec.UnknownCodecError:
        return False
print(",".join(name for name in sys.argv[1:] if not has(name)))
"""
RAY_TOKEN = Path("~/.ray/auth_token")


def examine_codecs() -> Finding:
    """Return whether videos that browsers play can be encoded."""
    said = run_python(FIND_ENCODERS, *ENCODERS)
    missing = [name for name in said.line.split(",") if name] if said.ok else list(ENCODERS)
    if not missing:
        return Finding(
            "browser codecs", "ok", f"{', '.join(ENCODERS)} (.mp4, .webm and .gif videos)"
        )
    lost = sorted({ENCODERS[name] for name in missing})
    return Finding(
        "browser codecs",
        "lacks",
        f"no {', no '.join(missing)}: no {', '.join(lost)} videos" if said.ok else said.line,
        "pip install --force-reinstall --only-binary av av",
        required=".mp4" in lost,
    )


def examine_compiler() -> Finding:
    """Return whether DeepSpeed can build its parts."""
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


def examine_slurm() -> Finding:
    """Return whether Slurm's commands are here and its controller answers."""
    if not shutil.which("sbatch"):
        return Finding("Slurm", "note", "no sbatch: jobs of slurm/ are sent from a cluster's node")
    said = run_program("scontrol", "ping")
    if said.ok and "DOWN" not in said.line:
        return Finding("Slurm", "ok", f"sbatch is here; {said.line}")
    return Finding(
        "Slurm",
        "note",
        f"sbatch is here, but its controller does not answer: {said.line}",
        "ask the cluster's administrator, or run on one machine: configs/README.md",
    )


def examine_ray(token: Path = RAY_TOKEN) -> Finding:
    """Return how the ETL will reach Ray: on this machine, or a cluster that is named."""
    address = os.environ.get("RAY_ADDRESS", "")
    mode = os.environ.get("RAY_AUTH_MODE", "")
    where = f"RAY_ADDRESS is {address}" if address else "no RAY_ADDRESS: Ray starts on this machine"
    if token.expanduser().is_file() and mode != "token":
        return Finding(
            "Ray cluster",
            "note",
            f"{where}; {token} exists, so clusters require it",
            "set RAY_AUTH_MODE=token for cluster and client, or `ray job submit` is refused",
        )
    return Finding("Ray cluster", "ok", where)
