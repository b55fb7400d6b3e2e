"""Print what every node of a job must read, and where it must write, a line each.

    python -m emotalk.preflight.paths CONFIG.yaml [key=value ...]

prints `read PATH` for sources, shards and weights, `write FOLDER` for the folder beside the output,
and `output FOLDER` for the output where it is there already. Only folders and files count:
addresses (`s3://...`) and commands are passed over.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from emotalk.config.load import read_tree
from emotalk.config.losses import vgg19_file
from emotalk.errors import WrongUse

READ = (
    "source",
    "clips",
    "landmarks.root",
    "landmarks.detector",
    "landmarks.landmarker",
    "shards",
    "losses.perceptual.weights",
    "start_from",
)
WRITTEN = ("run_dir", "output", "staging")


def job_paths(config: Path, words: Sequence[str]) -> tuple[list[Path], Path | None]:
    """Return what a job reads, and its output.

    A configuration that cannot be read gives the words' paths alone: the job itself will refuse it.
    """
    try:
        tree: Mapping[str, Any] = read_tree(config)
    except WrongUse:
        tree = {}
    given = dict(word.split("=", 1) for word in words if "=" in word)
    read = [path for key in READ for path in _local(_value(key, tree, given))]
    if _value("losses.perceptual.network", tree, given) == "vgg19" and vgg19_file().is_file():
        read.append(vgg19_file())
    written = [path for key in WRITTEN for path in _local(_value(key, tree, given))]
    return list(dict.fromkeys(read)), written[0] if written else None


def _value(key: str, tree: Mapping[str, Any], given: Mapping[str, str]) -> Any:
    """Return the value of a dotted key, the command line's before the file's; None for none."""
    if key in given:
        try:
            return yaml.safe_load(given[key])
        except yaml.YAMLError:
            return None
    value: Any = tree
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _local(value: Any) -> Iterator[Path]:
    """Yield the local paths of a value: one path, or several as `[{path: DIR, weight: 1}, ...]`."""
    if isinstance(value, str) and value and "://" not in value and not value.startswith("pipe:"):
        yield Path(value).expanduser().absolute()
    elif isinstance(value, list):
        for part in value:
            yield from _local(part.get("path") if isinstance(part, Mapping) else part)


def beside(output: Path) -> Path:
    """Return the nearest folder above the output that exists on this node."""
    return next(folder for folder in output.parents if folder.is_dir())


def main(words: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="paths", description="See the module's text.")
    parser.add_argument("config", type=Path)
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_args(words)
    read, output = job_paths(options.config, options.overrides)
    lines = [f"read {path}" for path in read]
    if output is not None:
        lines += [f"write {beside(output)}", *([f"output {output}"] if output.is_dir() else [])]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
