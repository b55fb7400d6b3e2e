"""Configure the shard sets of a run: one, or several with the share of each."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, TypeAdapter

from emotalk.config.section import Section
from emotalk.printable import quoted
from emotalk.redaction import redact_setting

Weight: TypeAlias = Annotated[float, Field(gt=0, le=1e6)]


class ShardSource(Section):
    """Configure one of several shard sets."""

    path: str  # folder, URL or pipe: command
    # share of the training's places; None: what the others leave, by size
    weight: Weight | None = Field(default=None, exclude_if=lambda weight: weight is None)


_SOURCES = TypeAdapter(tuple[ShardSource, ...])
FORM = "a folder, a URL, or a list of sets: [{path: DIR, weight: 0.7}, {path: DIR}]"


def _checked(value: Any) -> Any:
    """Return one set as its path, and several as sources; a list's plain texts are paths.

    Raises:
        ValueError: another type, or weights that leave nothing for a set without one.
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"expected {FORM}, got {quoted(value)}")
    given = [{"path": part} if isinstance(part, str) else part for part in value]
    sources = _SOURCES.validate_python(given)
    weights = [source.weight for source in sources]
    total = sum(weight for weight in weights if weight is not None)
    if len(sources) > 1 and None in weights and total >= 1:
        raise ValueError(
            f"the weights given sum to {total:g}, which leaves nothing for the sets without one; "
            "give shares that sum to less than 1, or every set a weight"
        )
    return sources[0].path if len(sources) == 1 else sources


Shards: TypeAlias = Annotated[str | tuple[ShardSource, ...], BeforeValidator(_checked)]


def sources_of(shards: str | Sequence[ShardSource]) -> tuple[ShardSource, ...]:
    """Return the sets of a configuration's `shards`, in the order in which they are given."""
    return (ShardSource(path=shards),) if isinstance(shards, str) else tuple(shards)


def shards_text(shards: str | Sequence[ShardSource]) -> str:
    """Return the sets in one line without secrets: `A`, or `A (weight 0.7) + B`."""
    return " + ".join(
        redact_setting(source.path) + (f" (weight {source.weight:g})" if source.weight else "")
        for source in sources_of(shards)
    )
