"""Load a configuration from a YAML file with one parent and dotted overrides, and check it."""

import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError

from emotalk.config.commands import mark_commands, refuse_marked
from emotalk.config.ready import ready_config
from emotalk.config.yaml_text import LONGEST_NUMBER, MAX_BYTES, MAX_DEPTH, parse_yaml
from emotalk.errors import WrongUse
from emotalk.files.small_files import UnfitFile, read_small
from emotalk.printable import printable, quoted
from emotalk.redaction import redact_tree

Config = TypeVar("Config", bound=BaseModel)
Tree = dict[str, Any]
MAX_PARENTS = 16
MAX_FAULTS = 100  # that a message lists
LONGEST_NAME = 255  # bytes of a file's name
LONGEST_KEY = 100  # characters that are compared with the known keys


def load_config(model: type[Config], path: Path | None, overrides: Sequence[str] = ()) -> Config:
    """Return the configuration of `path` with `overrides` on top.

    Order, later wins: the model's defaults, the parent named by `extends:`, the file, the command
    line.

    Args:
        model: the pydantic model that checks it.
        path: a YAML file; None where the model's defaults and `overrides` say everything.
        overrides: `dotted.key=value`, the value read as YAML; a list's parts go by their number or
            their name: `stages.gan.iterations=100`.

    Raises:
        WrongUse: every fault at once, each with its dotted path; a command that a file names.
    """
    tree: Tree = {} if path is None else mark_commands(read_tree(path))
    for override in overrides:
        _set(tree, override)
    where = "command line" if path is None else str(path)
    refuse_marked(tree, where)
    config = validate(model, tree, where)
    _refuse_long_names(config.model_dump(), where)
    return config


def _refuse_long_names(tree: Tree, where: str) -> None:
    """Refuse paths with a part that no file system takes."""
    for key, value in _leaves(tree, ""):
        if isinstance(value, Path) and any(len(os.fsencode(p)) > LONGEST_NAME for p in value.parts):
            raise WrongUse(
                f"{where}: {key}: {quoted(str(value))} has a name of over {LONGEST_NAME} bytes, "
                "which no file or folder may have; give a shorter one"
            )


def load_written(model: type[Config], path: Path) -> Config:
    """Return the configuration that a run saved, for comparison only.

    Raises:
        WrongUse: every fault at once, each with its dotted path.
    """
    return validate(model, read_tree(path), str(path))


def validate(model: type[Config], tree: Tree, where: str) -> Config:
    """Return `tree` as a checked `model`; raise `WrongUse` with every fault in it."""
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        found = cast(list[Tree], error.errors(include_url=False))
        faults = [printable(_fault(model, fault), longest=2000) for fault in found[:MAX_FAULTS]]
        faults += [f"and {len(found) - MAX_FAULTS} more"] if len(found) > MAX_FAULTS else []
        count = f"{len(found)} fault{'s' if len(found) > 1 else ''}"
        raise WrongUse("\n  ".join([f"{where}: {count} in the configuration:", *faults])) from None


def read_tree(path: Path, seen: tuple[Path, ...] = ()) -> Tree:
    """Return the mapping of a file, merged over those of its parents."""
    path = _resolved(ready_config(path))
    if path in seen:
        raise WrongUse(f"{path}: extends itself through {' -> '.join(map(str, seen))}")
    if len(seen) >= MAX_PARENTS:
        raise WrongUse(f"{seen[0]}: extends more than {MAX_PARENTS} files, one the next")
    tree = _parsed(path)
    tree = {} if tree is None else tree
    if not isinstance(tree, dict):
        raise WrongUse(
            f"{path}: a configuration is a mapping `key: value`, not {type(tree).__name__}"
        )
    parent = tree.pop("extends", None)
    if parent is None:
        return tree
    if not isinstance(parent, str):
        raise WrongUse(f"{path}: extends: expected the path of one file, got {quoted(parent)}")
    return _merge(read_tree(path.parent / parent, (*seen, path)), tree)


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a zero byte
        raise WrongUse(f"{path}: cannot read the configuration: {error}") from None


def _parsed(path: Path) -> Any:
    try:
        return parse_yaml(read_small(path, max_bytes=MAX_BYTES).decode("utf-8"))
    except OSError as error:
        raise WrongUse(
            f"{path}: cannot read the configuration: {error.strerror}; "
            "the ready ones are in configs/etl and configs/train"
        ) from None
    except UnicodeDecodeError as error:
        raise WrongUse(f"{path}: not valid YAML: no UTF-8 text ({error})") from None
    except UnfitFile as error:
        raise WrongUse(f"{path}: {error}") from None
    except ValueError as error:
        raise WrongUse(f"{path}: not valid YAML: {error}") from None


def dump_config(config: BaseModel) -> str:
    """Return the resolved configuration as YAML that `load_config` reads back to an equal one.

    Secrets in addresses are redacted.
    """
    tree = redact_tree(config.model_dump(mode="json"))
    text: str = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    return text


def flatten(config: BaseModel) -> dict[str, Any]:
    """Return the configuration as `{dotted.path: value}`, lists kept whole, secrets redacted."""
    return dict(_leaves(redact_tree(config.model_dump(mode="json")), ""))


def _leaves(tree: Tree, prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            found += _leaves(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", value))
    return found


def _merge(parent: Tree, child: Tree) -> Tree:
    merged = dict(parent)
    for key, value in child.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _set(tree: Tree, override: str) -> None:
    dotted, equals, text = override.partition("=")
    keys = dotted.split(".")
    if not equals or not all(keys):
        raise WrongUse(
            f"override {quoted(override)}: expected dotted.key=value, e.g. data.frames=32 or seed=7"
        )
    if len(keys) > MAX_DEPTH:
        raise WrongUse(f"override {quoted(override)}: {len(keys)} keys, at most {MAX_DEPTH}")
    try:
        value = parse_yaml(text)
    except ValueError as error:
        raise WrongUse(f"override {quoted(override)}: the value is not YAML: {error}") from None
    section: Any = tree
    for index, key in enumerate(keys[:-1]):
        if isinstance(section, dict) and section.get(key) is None:
            section[key] = {}
        section = _inside(section, key, override)
        if not isinstance(section, dict | list):
            raise WrongUse(
                f"override {quoted(override)}: {'.'.join(keys[: index + 1])} is the value "
                f"{quoted(section)}, not a section"
            )
    if isinstance(section, list):
        section[section.index(_inside(section, keys[-1], override))] = value
    else:
        section[keys[-1]] = value


def _inside(section: Tree | list[Any], key: str, override: str) -> Any:
    """Return the part of a section by its key, of a list by its number or its `name`."""
    if isinstance(section, dict):
        return section[key]
    names = [str(item.get("name", "")) if isinstance(item, dict) else "" for item in section]
    if key in names:
        return section[names.index(key)]
    if key.isdecimal() and len(key) < LONGEST_NUMBER and int(key) < len(section):
        return section[int(key)]
    known = [name for name in names if name] or [str(n) for n in range(len(section))]
    raise WrongUse(
        f"override {quoted(override)}: no {quoted(key)} in this list; it has: {', '.join(known)}"
    )


def _fault(model: type[BaseModel], fault: Tree) -> str:
    path = ".".join(printable(str(part)) for part in fault["loc"]) or "(whole file)"
    if fault["type"] == "extra_forbidden":
        known = _keys_beside(model, fault["loc"])
        close = difflib.get_close_matches(str(fault["loc"][-1])[:LONGEST_KEY], known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
        return f"{path}: unknown key; {hint}"
    if fault["type"] == "missing":
        return f"{path}: required and not given; add {path}=... to the command or to the file"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return f"{path}: {message}" if fault["loc"] else message
    return f"{path}: {message[0].lower()}{message[1:]}, got {quoted(fault['input'])}"


def _keys_beside(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Return the keys that the section which holds the last part of `location` knows."""
    current: Any = model
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        fields = getattr(current, "model_fields", {})
        current = _section_of(fields[part].annotation) if part in fields else None
    return sorted(getattr(current, "model_fields", {}))


def _section_of(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_section_of(inner) for inner in getattr(annotation, "__args__", ()))
    return next((section for section in found if section is not None), None)
