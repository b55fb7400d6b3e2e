"""Find every command line that a README prints."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.helpers.tiny_training import ROOT

PROGRAMS = (
    "accelerate", "apptainer", "apt-get", "bash", "docker", "emotalk", "git", "make", "mlflow",
    "pip", "pre-commit", "python", "ray", "sbatch", "scancel", "scontrol", "slurm/chain.sh",
    "srun", ".venv/bin/mlflow", ".venv/bin/pip", ".venv/bin/python",
)  # fmt: skip
NOT_OURS = {".venv", ".git", "demo", ".slurm-lab"}  # a .venv has 60,000 files
SETTING = re.compile(r"^[A-Za-z_]+=(\"[^\"]*\"|\S*)$")


@dataclass(frozen=True)
class Command:
    """Hold a command line as it is printed."""

    file: str
    line: str

    def __str__(self) -> str:
        return f"{self.file}: {self.line}"


def readmes() -> list[Path]:
    """Return the READMEs of the project."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(set(folders) - NOT_OURS)
        found += [Path(folder, name) for name in files if name == "README.md"]
    return sorted(found)


@cache
def commands() -> list[Command]:
    """Return every command line of every README once, in order."""
    seen: dict[Command, None] = {}
    for path in readmes():
        for line in printed(path.read_text(encoding="utf-8")):
            seen[Command(str(path.relative_to(ROOT)), line)] = None
    return list(seen)


def printed(text: str) -> Iterator[str]:
    """Yield the command lines of a text: in fences, indented by four, and between back quotes."""
    prose: list[str] = []
    code: list[str] = []
    fence = ""
    for line in text.splitlines():
        if line.startswith("```"):
            fence = "" if fence else line
        elif fence:
            code += [line] if fence in ("```bash", "```sh", "```") else []
        elif line.startswith("    "):
            code.append(line)
        else:
            prose.append(line)
    for line in "\n".join(code).replace("\\\n", " ").splitlines():
        words = " ".join(re.split(r"\s#\s", line)[0].split())
        if is_command(words, least=1):
            yield words
    for span in re.findall(r"`([^`]+)`", " ".join(prose)):
        words = " ".join(span.split())
        if is_command(words, least=2) and "…" not in words:
            yield words


def is_command(line: str, *, least: int) -> bool:
    """Return whether a line is a command of at least so many words, after any settings."""
    words = re.findall(r"(?:[^\s\"]|\"[^\"]*\")+", line)
    while words and SETTING.match(words[0]):
        words.pop(0)
    return len(words) >= least and words[0] in PROGRAMS
