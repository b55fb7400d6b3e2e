"""A YAML file with one parent and dotted overrides: a checked configuration, or all its faults."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError

from emotalk.errors import WrongUse

Config = TypeVar("Config", bound=BaseModel)
Tree = dict[str, Any]


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
        WrongUse: every fault at once, each with its dotted path.
    """
    tree = {} if path is None else read_tree(path)
    for override in overrides:
        _set(tree, override)
    return validate(model, tree, "command line" if path is None else str(path))


def validate(model: type[Config], tree: Tree, where: str) -> Config:
    """Return `tree` as a checked `model`, or raise `WrongUse` that lists every fault in it."""
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        faults = [_fault(model, fault) for fault in cast(list[Tree], error.errors())]
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        raise WrongUse("\n  ".join([f"{where}: {count} in the configuration:", *faults])) from None


def read_tree(path: Path, seen: tuple[Path, ...] = ()) -> Tree:
    """Return the file's mapping merged over its parent's, and theirs over their parent's."""
    path = path.resolve()
    if path in seen:
        raise WrongUse(f"{path}: extends itself through {' -> '.join(map(str, seen))}")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongUse(
            f"{path}: cannot read the configuration: {error.strerror}; "
            "the ready ones are in configs/etl and configs/train"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise WrongUse(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    tree = {} if tree is None else tree
    if not isinstance(tree, dict):
        raise WrongUse(
            f"{path}: a configuration is a mapping `key: value`, not {type(tree).__name__}"
        )
    parent = tree.pop("extends", None)
    if parent is None:
        return tree
    return _merge(read_tree(path.parent / str(parent), (*seen, path)), tree)


def dump_config(config: BaseModel) -> str:
    """Return the resolved configuration as YAML that `load_config` reads back to an equal one."""
    text: str = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    return text


def flatten(config: BaseModel) -> dict[str, Any]:
    """Return the configuration as `{dotted.path: value}`, lists kept whole."""
    return dict(_leaves(config.model_dump(mode="json"), ""))


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
            f"override {override!r}: expected dotted.key=value, e.g. data.frames=32 or seed=7"
        )
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise WrongUse(
            f"override {override!r}: the value is not YAML: {' '.join(str(error).split())}"
        ) from None
    section: Any = tree
    for index, key in enumerate(keys[:-1]):
        if isinstance(section, dict) and section.get(key) is None:
            section[key] = {}
        section = _inside(section, key, override)
        if not isinstance(section, dict | list):
            raise WrongUse(
                f"override {override!r}: {'.'.join(keys[: index + 1])} is the value {section!r}, "
                "not a section"
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
    if key.isdigit() and int(key) < len(section):
        return section[int(key)]
    known = [name for name in names if name] or [str(n) for n in range(len(section))]
    raise WrongUse(f"override {override!r}: no {key!r} in this list; it has: {', '.join(known)}")


def _fault(model: type[BaseModel], fault: Tree) -> str:
    path = ".".join(str(part) for part in fault["loc"]) or "(whole file)"
    if fault["type"] == "extra_forbidden":
        known = _keys_beside(model, fault["loc"])
        close = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
        return f"{path}: unknown key; {hint}"
    if fault["type"] == "missing":
        return f"{path}: required and not given; add {path}=... to the command or to the file"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return f"{path}: {message}" if fault["loc"] else message
    return f"{path}: {message[0].lower()}{message[1:]}, got {fault['input']!r}"


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
