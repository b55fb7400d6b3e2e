"""Define the types of fields in the set's JSON files, and parse such files.

Every value is bounded before anything is computed from it.
"""

import json
import re
from typing import Annotated, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from emotalk.errors import WrongUse
from emotalk.files.small_files import parse_json
from emotalk.printable import is_printable, printable, quoted
from emotalk.schema import EMOTIONS_MEAD8, FORMAT_VERSION, SPLITS

LONGEST_NAME = 255  # bytes of a tar's name or a key: the limit of file systems
LONGEST_ACTOR = 1000  # bytes
MAX_BYTES = 2**50  # of one tar
MAX_COUNT = 2**40  # of clips, samples or frames
OWN_FAULTS = ("unfit_name", "not_known", "listed_twice", "missing")
FAULTS_SHOWN = 3


class Record(BaseModel):
    """A part of the files; keys that later versions add are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


Parsed = TypeVar("Parsed", bound=Record)


def parse(model: type[Parsed], data: bytes, where: str) -> Parsed:
    """Return the manifest or index that `data` holds.

    Raises:
        WrongUse: not JSON, another format version, or a value out of bounds.
    """
    try:
        tree = parse_json(data)
    except ValueError as error:
        raise WrongUse(
            f"{where}: not valid JSON ({printable(str(error))}); copy the shard set again"
        ) from None
    found = tree.get("format") if isinstance(tree, dict) else None
    if found != FORMAT_VERSION:
        raise WrongUse(
            f"{where}: format {quoted(found)}, this version reads {FORMAT_VERSION!r}; "
            "make the shards again with etl/shard.py"
        )
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        faults = "; ".join(map(_fault_text, error.errors(include_url=False)[:FAULTS_SHOWN]))
        count = error.error_count()
        raise WrongUse(f"{where}: {count} fault{'s' * (count > 1)}: {faults}") from None


def json_bytes(tree: object, *, indent: int | None = None) -> bytes:
    """Return JSON with sorted keys and a newline: the same bytes for the same content."""
    text = json.dumps(tree, indent=indent, sort_keys=True, ensure_ascii=False)
    return f"{text}\n".encode()


def _fault_text(fault: ErrorDetails) -> str:
    """Return the field, the fault and, where the message lacks it, the value."""
    place = printable(".".join(map(str, fault["loc"])))
    own = fault["type"] in OWN_FAULTS
    text = fault["msg"] if own else f"{fault['msg']}, got {quoted(fault['input'])}"
    return f"{place}: {text}" if place else text


def _matching(pattern: str, longest: int, rule: str) -> AfterValidator:
    """Return the check that a name is printable, has the pattern and at most `longest` bytes."""

    def check(name: str) -> str:
        fits = is_printable(name) and 0 < len(name.encode()) <= longest
        if not fits or not re.fullmatch(pattern, name):
            facts = {"name": quoted(name), "rule": rule}
            raise PydanticCustomError("unfit_name", "{name} is {rule}", facts)
        return name

    return AfterValidator(check)


def _one_of(what: str, known: tuple[str, ...]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in known:
            facts = {"name": quoted(name), "what": what, "known": ", ".join(known)}
            raise PydanticCustomError("not_known", "{name} is no {what}: {known}", facts)
        return name

    return AfterValidator(check)


TAR_RULE = "not the name of a .tar beside the manifest"
KEY_RULE = (
    "not a key: no dot, slash, control character or half of a surrogate pair, at most 255 bytes"
)
ACTOR_RULE = "no actor's name: letters that can be printed, 1 to 1000 bytes"

TarName: TypeAlias = Annotated[str, _matching(r"[^./\\][^/\\]*\.tar", LONGEST_NAME, TAR_RULE)]
Key: TypeAlias = Annotated[str, _matching(r"[^./\\]+", LONGEST_NAME, KEY_RULE)]
Actor: TypeAlias = Annotated[str, _matching(r".+", LONGEST_ACTOR, ACTOR_RULE)]
SplitName: TypeAlias = Annotated[str, _one_of("split", SPLITS)]
Emotion: TypeAlias = Annotated[str, _one_of("emotion", EMOTIONS_MEAD8)]
Size: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=MAX_BYTES)]
Count: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT)]
Sha256: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Word: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
Coordinate: TypeAlias = Annotated[float, Field(strict=True, ge=-1e6, le=1e6)]
