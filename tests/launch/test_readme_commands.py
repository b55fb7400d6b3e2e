"""Every command line of every README is run by a test, as it is printed.

`RUN` holds those that are run here: placeholders are filled, and words that keep a command short or
without a network are added, which stand there. `ELSEWHERE` names the test that runs the others, and
`NAMES` what stands in a README as a name and is no command line. A command that is in none of them
fails: give it a line.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from tests.helpers.readme_commands import Command, commands, is_command, printed
from tests.helpers.shard_set import (
    MadeClip,
    Members,
    made_clips,
    made_members,
    write_shard_set,
)
from tests.helpers.tiny_model import write_tiny_model
from tests.helpers.tiny_training import ROOT

BIN = ROOT / ".venv" / "bin"


@dataclass(frozen=True)
class Place:
    """What fills the placeholders."""

    corpus: Path
    shards: Path
    other_shards: Path
    model: Path
    output: Path
    picture: Path
    speech: Path

    def fill(self, word: str) -> str:
        """Return a word with its placeholder filled."""
        if word.startswith("shards=["):
            return word.replace("path: A", f"path: {self.shards}").replace(
                "path: B", f"path: {self.other_shards}"
            )
        name, equals, _ = word.rpartition("=")
        known = {
            "source": self.corpus,
            "output": self.output / "shards",
            "shards": self.shards,
            "run_dir": self.output / "run",
            "start_from": self.model,
        }
        if name in known:
            return f"{name}{equals}{known[name]}"
        folders = {"RUN": self.model, "THIS_FOLDER": self.model, "DIR": self.shards}
        return str(folders.get(word, word))


Fill = Callable[[list[str], Place], list[str]]


def with_words(*more: str) -> Fill:
    """Return a filling that adds words at the end."""
    return lambda words, place: [*map(place.fill, words), *more]


def trained(words: list[str], place: Place) -> list[str]:
    """Several processes need GPUs: their training is a dry run, the launch must be of its size."""
    at = words.index("train.py")
    profile = yaml.safe_load((ROOT / words[words.index("--config_file") + 1]).read_text())
    told = words[words.index("--num_processes") + 1] if "--num_processes" in words else ""
    assert f"runtime.processes={told or profile['num_processes']}" in words
    return ["python", *dry(words[at:], place)]


def dry(words: list[str], place: Place) -> list[str]:
    """Without VGG-19's weights, which no test has."""
    return with_words("losses.perceptual.network=random", "--dry-run")(words, place)


def generated(words: list[str], place: Place) -> list[str]:
    files = {"--image": place.picture, "--audio": place.speech, "--output": place.output / "me.mp4"}
    filled = with_words("--landmarks", "aligned")(words, place)
    if "--paste-back" in filled:  # needs a face finder, which no test downloads
        filled.remove("--paste-back")
    for option, path in files.items():
        filled[filled.index(option) + 1] = str(path)
    return filled


def into_own_folder(words: list[str], place: Place) -> list[str]:
    """The inputs are those that come with the package, the video gets a folder of the test."""
    filled = list(words)
    at = filled.index("--output") + 1
    filled[at] = str(place.output / filled[at])
    return filled


def reported(words: list[str], place: Place) -> list[str]:
    return [str(place.output / "set.html") if w == "FILE.html" else place.fill(w) for w in words]


def into_new_folder(words: list[str], place: Place) -> list[str]:
    """`--output DIR` is a new folder, what stands in brackets is left out."""
    kept = shlex.split(re.sub(r"\[.*?\]", "", " ".join(words)))
    filled = [place.fill(word) for word in kept]
    filled[filled.index("--output") + 1] = str(place.output / "new")
    return filled


def drawn(words: list[str], place: Place) -> list[str]:
    return [str(place.output / "drawn") if w == "DIR" else w for w in words] + [
        "--clips-per-actor", "1",
    ]  # fmt: skip


def not_made(words: list[str], place: Place) -> list[str]:
    """`make` prints what it would run."""
    del place
    return [words[0], "-n", *words[1:]]


RUN: dict[str, Fill] = {
    r"(\w+=\S+ )?make( [a-z-]+)?( SOURCE=DIR)?( (DRY_RUN|ETL_CONFIG|JOBS)=\S+)?": not_made,
    r"(RAY_ADDRESS=\S+ )?python etl/shard\.py .*": with_words(
        "landmarks.backend=sidecar", "--dry-run"
    ),
    r"emotalk inspect DIR": with_words(),
    r"emotalk inspect DIR --report FILE\.html": reported,
    r"emotalk corpus init DIR": lambda words, place: [
        *words[:-1],
        str(place.corpus),
        "--output",
        str(place.output / "clips.csv"),
    ],
    r"emotalk \w+ --help": with_words(),
    r"ray get-auth-token --generate": with_words(),
    r"emotalk evaluate --\S+ .*": lambda words, place: [
        *into_new_folder(words, place),
        "--dry-run",
    ],
    r"(\.venv/bin/)?emotalk generate --checkpoint (RUN|THIS_FOLDER) .*": generated,
    r"(\.venv/bin/)?emotalk generate --image (FACE|me\.jpg) .*": generated,
    r"emotalk generate --image emotalk/pretrained/\S+ .*": into_own_folder,
    r"emotalk export --checkpoint RUN .*": into_new_folder,
    r"accelerate launch train\.py .*": dry,
    r"accelerate launch --config_file .*": trained,
}
# The first draws twelve people. The others take minutes: only their words are tried.
SLOW: dict[str, Fill] = {
    r"emotalk synth DIR --actors \d+ --seed \d+": drawn,
    r"(\.venv/bin/)?python -m tests(\.benchmarks)?\.\w+( .*)?": with_words("--help"),
    r"(\.venv/bin/)?python -m emotalk\.(pretrained|lip_sync)\.train( .*)?": with_words("--help"),
    r"python -m emotalk\.pretrained\.example_inputs DIR": with_words("--help"),
    r"python launch/example_pictures\.py DIR": with_words("--help"),
}
# pattern -> (the file whose tests run it, a word that must stand there)
ELSEWHERE: dict[str, tuple[str, str]] = {
    r"python -m pytest -s tests/unit/data/test_whole_corpus\.py -k alike": (
        "tests/unit/data/test_whole_corpus.py",
        "alike",
    ),
    r"emotalk fetch vgg19( --output \S+)?": (  # network
        "tests/unit/test_fetch.py",
        '"fetch", "vgg19"',
    ),
    r'python -c "from insightface.app import FaceAnalysis; .*"': (  # network
        "tests/unit/faces/test_backends.py",
        "test_the_command_for_a_missing_pack_fetches_it",
    ),
    r"emotalk app( --checkpoint RUN)?": ("tests/unit/app/test_command.py", '"app"'),  # a server
    r"emotalk doctor": ("tests/unit/doctor/test_examine.py", "doctor"),
    r"(MLFLOW_\w+=\S+ )+mlflow server --app-name basic-auth .*": (
        "tests/pipeline/test_mlflow_users.py",
        '"--app-name", "basic-auth"',
    ),
    r"python -m emotalk\.runs\.sweep table .*": (
        "tests/launch/test_sweep_script.py",
        "slurm/sweep.sbatch",
    ),
    r"(\.venv/bin/)?mlflow ui .*": ("tests/helpers/mlflow_server.py", '"-m", "mlflow"'),  # a server
    r"sbatch .*|(\w+=(\"[^\"]*\"|\S+) )*slurm/chain\.sh .*": (
        "tests/slurm/test_readme_commands.py",
        "commands()",
    ),
    # Ray clusters that outlive a command, one of them by ssh
    r"ray start --head .*": ("tests/launch/test_ray.py", '"start", "--head"'),
    r"RAY_ADDRESS=\S+ ray job submit .*": ("tests/launch/test_ray.py", '"job", "submit"'),
    r"ray (up|down) -y .*": ("tests/launch/ray_submit.sh", "ray up -y"),
    r"ray submit launch/ray/cluster\.yaml .*": ("tests/launch/ray_submit.sh", "ray submit"),
    # No machine of the tests has them.
    r"(docker (build|run)|apptainer build) .*": (
        "tests/launch/test_container.py",
        "not tried here",
    ),
    # They change the machine: the set-up runs the first two's like on every machine anew.
    r"apt-get install .*": ("launch/setup.sh", "apt-get install"),
    r"(\.venv/bin/)?pip install .*": ("launch/setup.sh", "pip install"),
    r"pre-commit install": (".pre-commit-config.yaml", "repos"),
    r"git lfs pull": ("tests/pipeline/test_bad_input.py", "git_lfs_pointer"),
}
COMMANDS = "app|corpus|evaluate|export|fetch|generate|import-original|inspect|synth"
NAMES = re.compile(
    rf"ray (submit|job submit|start|stop)|emotalk ({COMMANDS}|corpus init"
    r"|export( \.\.\.)? --register NAME)"
    r"|accelerate launch( --cpu --num_processes 2)?|scontrol requeue"
)


def how(command: Command) -> list[str]:
    """Return the patterns of those that run a command."""
    known = [*RUN, *SLOW, *ELSEWHERE]
    return [pattern for pattern in known if re.fullmatch(pattern, command.line)]


def of(patterns: dict[str, Fill]) -> list[Command]:
    """Return the commands of these patterns, one that several READMEs print once."""
    once = {command.line: command for command in reversed(commands())}
    return [c for c in reversed(once.values()) if any(re.fullmatch(p, c.line) for p in patterns)]


@pytest.mark.parametrize("command", commands(), ids=str)
def test_somebody_runs_it(command: Command) -> None:
    if NAMES.fullmatch(command.line):
        return
    assert len(how(command)) == 1, "one line in RUN, SLOW or ELSEWHERE for each command"
    file, word = ELSEWHERE.get(how(command)[0], ("README.md", ""))
    assert word in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("pattern", [*RUN, *SLOW, *ELSEWHERE])
def test_no_line_is_left_over(pattern: str) -> None:
    assert any(re.fullmatch(pattern, command.line) for command in commands())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("readme")
    clips = made_clips(12, frames=(30, 36))
    rest = made_clips(4, frames=(30,), prefix="v")
    splits = [("train", clips), ("val", rest), ("test", made_clips(4, frames=(30,), prefix="t"))]
    shards = write_shard_set(folder / "shards", splits, members_of=_members)
    (shards / "rejected.jsonl").touch()
    other = write_shard_set(folder / "other", [("train", made_clips(5, frames=(30,)))])
    words = ("synth", folder / "corpus", "--actors", "3", "--clips-per-actor", "1")
    subprocess.run([BIN / "emotalk", *words], check=True, capture_output=True)
    _unpack(shards, folder)
    return Place(
        folder / "corpus",
        shards,
        other,
        write_tiny_model(folder / "model"),
        folder,
        folder / "clip0000.neutral.png",
        folder / "clip0000.flac",
    )


def _members(clip: MadeClip) -> Members:
    described = {"clip": clip.key, "frames": clip.frames}
    return made_members(clip) | {"json": json.dumps(described).encode()}


def _unpack(shards: Path, folder: Path) -> None:
    with tarfile.open(shards / "train-000000.tar") as tar:
        for name in ("clip0000.neutral.png", "clip0000.flac"):
            tar.extract(name, folder, filter="data")


def started(command: Command, recipes: dict[str, Fill], place: Place, output: Path) -> None:
    """Run a command as its line says; it must end with 0."""
    (fill,) = [recipes[p] for p in recipes if re.fullmatch(p, command.line)]
    words = shlex.split(command.line)
    settings = dict(os.environ, OMP_NUM_THREADS="1", PATH=f"{BIN}:{os.environ['PATH']}")
    settings["HOME"] = str(output)
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        settings[name] = value
    here = replace(place, output=output)
    filled = fill(words, here)
    done = subprocess.run(
        filled, cwd=ROOT, env=settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{shlex.join(filled)}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("command", of(RUN), ids=str)
def test_it_runs_as_printed(command: Command, place: Place, tmp_path: Path) -> None:
    started(command, RUN, place, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("command", of(SLOW), ids=str)
def test_a_long_one_starts(command: Command, place: Place, tmp_path: Path) -> None:
    started(command, SLOW, place, tmp_path)


def test_commands_are_found_in_fences_indented_and_between_quotes() -> None:
    text = (
        "Say `make test`, or `emotalk` alone, or\n`ray status --address\nHEAD`.\n\n"
        '```bash\nA=1 B="x y" python a.py \\\n  b   # why\nls\n```\n\n    make\n\n'
        "```text\nmake coffee\n```\n| `emotalk x …` | `sbatch --gpus=1 y.sbatch` |\n"
    )
    assert list(printed(text)) == [
        'A=1 B="x y" python a.py b',
        "make",
        "make test",
        "ray status --address HEAD",
        "sbatch --gpus=1 y.sbatch",
    ]
    assert not is_command("A=1", least=1)
    assert sys.executable.startswith(str(ROOT / ".venv"))
