"""Name a run's facts in MLflow: its configuration as params of dotted names, its tags."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from emotalk.printable import printable_lines
from emotalk.redaction import redact_setting, redact_tree

VALUE_LIMIT, CUT = 6000, "... (see config.yaml)"  # MLflow's own limit of a value, in characters


@dataclass(frozen=True)
class RunFacts:
    """Name, parameters and tags of a run in MLflow."""

    name: str
    params: Mapping[str, str]  # dotted name -> value; they never change once a run has begun
    tags: Mapping[str, str]  # of this start of the run; they replace those of earlier starts


def as_params(tree: Mapping[str, Any]) -> dict[str, str]:
    """Return every value of a nested mapping by its dotted name, as text.

    The parts of a list go by their `name` or number, as in the command line's overrides:
    `stages.gan.updates.0.lr`; a list of plain values stays one value. A text longer than MLflow
    takes is cut and says so. Secrets in addresses are redacted.
    """
    return {name: _text(value) for name, value in _leaves(tree, "")}


def _leaves(value: object, name: str) -> Iterator[tuple[str, object]]:
    parts = list(_parts(value))
    if not parts:
        yield name, value
    for key, part in parts:
        yield from _leaves(part, f"{name}.{key}" if name else key)


def _parts(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list) and all(isinstance(part, Mapping) for part in value):
        for number, part in enumerate(value):
            yield str(part.get("name") or number), part


def _text(value: object) -> str:
    text = redact_setting(value) if isinstance(value, str) else json.dumps(redact_tree(value))
    text = printable_lines(text)
    return text if len(text) <= VALUE_LIMIT else text[: VALUE_LIMIT - len(CUT)] + CUT
