"""Say what was guessed of a folder of recordings, and which command is next."""

import re
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import yaml

import etl
from emotalk.config.yaml_text import parse_yaml
from emotalk.printable import printable
from emotalk.schema import EMOTIONS, UNKNOWN
from etl.corpora.folder import WORDS_SUFFIX
from etl.corpora.label_guess import NO_HINT, Guess
from etl.corpora.spoken_text import ALIGN_SUFFIX

NAME = "clips.csv"
SHOWN = 4  # names of a list


@dataclass(frozen=True)
class Found:
    """The files of a folder."""

    clips: tuple[str, ...]  # that a table can name
    unfit: tuple[str, ...]  # recordings that it cannot, each with the reason
    others: Counter[str]  # suffix -> number of further files
    system_files: int
    names: frozenset[str]  # of all files


def report_lines(folder: Path, found: Found, guesses: Sequence[Guess]) -> list[str]:
    """Return what was found and guessed, each guess with its ground and its first recording."""
    return [*_found_lines(folder, found), *_guess_lines(found, guesses)]


def counted(counts: Counter[str], shown: int = SHOWN) -> str:
    """Return the most frequent values with their numbers: `anna 60, bo 60 and 3 more`."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    some = ", ".join(f"{printable(name, longest=40)} {number}" for name, number in ordered[:shown])
    return some + (f" and {len(ordered) - shown} more" if len(ordered) > shown else "")


def _found_lines(folder: Path, found: Found) -> list[str]:
    beside = {".txt", ".lab", ALIGN_SUFFIX, ".csv"}
    others = Counter({s: n for s, n in found.others.items() if s not in beside})
    lines = [f"{folder}: {len(found.clips)} recordings"]
    if others:
        lines.append(f"other files, left alone: {counted(others)}")
    if found.system_files:
        lines.append(f"system files and hidden ones, passed over: {found.system_files}")
    if found.unfit:
        lines.append(f"recordings that a table cannot name, left out: {len(found.unfit)}")
        lines += [f"  {fault}" for fault in found.unfit[:SHOWN]]
        lines += ["  ..."] * (len(found.unfit) > SHOWN)
    return lines


def _guess_lines(found: Found, guesses: Sequence[Guess]) -> list[str]:
    clips, texts = found.clips, [guess.text for guess in guesses]
    actors = Counter(guess.actor for guess in guesses)
    emotions = Counter(guess.emotion or UNKNOWN for guess in guesses)
    levels = Counter(guess.level for guess in guesses if guess.level)
    lines = [
        f"actors    {len(actors)}: {counted(actors)}",
        *_grounds([(c, g.actor, g.actor_by) for c, g in zip(clips, guesses, strict=True)]),
        f"emotions  {counted(emotions, shown=len(emotions))}",
        *_grounds(
            [(c, g.emotion or "", g.emotion_by) for c, g in zip(clips, guesses, strict=True)]
        ),
    ]
    if levels:
        lines.append(f"levels    {counted(levels)}, none {len(clips) - levels.total()}")
    if any(texts):
        beside = f"NAME.txt, NAME.lab, NAME{ALIGN_SUFFIX}"
        lines.append(f"text      {sum(map(bool, texts))}, from {beside} or the name")
    timed = sum(str(PurePosixPath(c).with_suffix(WORDS_SUFFIX)) in found.names for c in clips)
    if timed:
        lines.append(
            f"words     {timed} with times (NAME{WORDS_SUFFIX}), which the ETL reads itself"
        )
    return lines


def _grounds(guessed: Iterable[tuple[str, str, str]]) -> list[str]:
    """Return a line for each ground of (clip, value, ground), with its first clip."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for clip, value, ground in guessed:
        if ground:
            counts[ground] += 1
            first.setdefault(
                ground, f"{printable(clip, longest=60)} -> {printable(value, longest=40)}"
            )
    how = {ground: f"by {ground}" for ground in counts} | {NO_HINT: "without a hint"}
    return [f"          {n} {how[ground]}: {first[ground]}" for ground, n in counts.most_common()]


def advice_lines(folder: Path, table: Path, guesses: Sequence[Guess]) -> list[str]:
    """Return what to do with the table that was written."""
    actors = {guess.actor for guess in guesses}
    emotions = {guess.emotion for guess in guesses}
    lines = [
        "",
        f"wrote {table}",
        "Look through it. Each person needs one name in the column actor, since people are kept",
        "apart by it in training and test. An empty emotion is unknown. To guess in another way,",
        "remove the table and see the options of `emotalk corpus init --help`.",
    ]
    if emotions == {None}:
        lines.append("Without any emotion, train with configs/train/unlabelled.yaml.")
    command = next_command(folder, table, len(guesses), len(actors), emotions)
    return [
        *lines,
        "",
        "Next: print the plan of the shards, then make them by the same command without --dry-run:",
        f"  {command} --dry-run",
    ]


def next_command(
    folder: Path, table: Path, clips: int, actors: int, emotions: set[str | None]
) -> str:
    """Return the command that makes the shards, as it runs in this folder and environment."""
    root = Path(etl.__file__).resolve().parents[1]
    place = "" if root == Path.cwd() else f"{root}/"
    found = shutil.which("python")
    own = found is not None and Path(found).absolute() == Path(sys.executable).absolute()
    settings = {"source": str(folder), "output": str(_new_folder(folder))}
    if table != folder / NAME:
        settings["clips"] = str(table)
    if not emotions <= {None, *EMOTIONS}:
        settings["emotions"] = "mead8"
    words = [f"{name}={_yaml_text(value)}" for name, value in settings.items()]
    if actors < 3:  # train, val and test have no person in common
        words.append("split.by=clip" if clips >= 3 else "split.shares=[1,0,0]")
    program = ["python" if own else sys.executable, f"{place}etl/shard.py"]
    return shlex.join([*program, f"{place}configs/etl/folder.yaml", *words])


def _new_folder(folder: Path) -> Path:
    """Return a name for the shards that is still free."""
    name = re.sub(r"[^\w.-]+", "_", folder.resolve().name).strip("._") or "mine"
    free = Path("shards") / name
    number = 2
    while free.exists():
        free, number = Path("shards") / f"{name}-{number}", number + 1
    return free


def _yaml_text(value: str) -> str:
    """Return a text as the settings read it: quoted where YAML would read something else."""
    try:
        plain = parse_yaml(value) == value
    except ValueError:
        plain = False
    return value if plain else yaml.safe_dump(value, default_style='"', width=10**6).strip()
