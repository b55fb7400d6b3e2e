"""Define the verdict on a clip, and the few hundred bytes that it is stored in."""

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emotalk.schema import LANDMARKS, Doubles, Rejection, check_shape

UNKNOWN = (0, 0)  # stamp of a clip whose files were not looked at
MICRO = 1e6  # units of a stored landmark in a crop pixel
FACE_LENGTH = struct.Struct("<H")
LARGEST_JSON = 2**20  # bytes


@dataclass(frozen=True)
class Verdict:
    """The result of one clip."""

    key: str
    clip: str
    source: tuple[int, int]  # bytes and modification time in ns of the file, to notice a new one
    frames: int = 0  # length at 25 Hz; 0 if rejected
    face: bytes = b""  # its mean landmarks, see `pack_face`; empty if rejected
    reason: str = ""  # why it was rejected, or empty
    detail: str = ""  # value and limit
    seconds: Mapping[str, float] | None = None  # of each stage on the worker; in no shard
    sha256: str = ""  # of the members, to tell whether a shard was made of these very ones
    node: str = ""  # the machine that processed it; not part of any shard
    # values that the checks measured, for `measures.jsonl`; not part of any shard
    measures: Mapping[str, float] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Return whether the clip became a sample."""
        return not self.reason

    @property
    def rejection(self) -> Rejection:
        """Return the rejection of a rejected clip."""
        return Rejection(self.reason, self.detail, self.clip)


def pack_face(face_LP: Doubles) -> bytes:
    """Return 68 landmarks in crop pixels, rounded to a millionth, as 544 bytes.

    Raises:
        ValueError: another number of landmarks.
    """
    check_shape(face_LP, f"{LANDMARKS} 2", "mean face")
    rounded = [[round(float(value), 6) for value in point] for point in face_LP]
    return np.rint(np.array(rounded) * MICRO).astype("<i4").tobytes()


def unpack_face(face: bytes) -> Doubles:
    """Return the landmarks (68, 2) that `pack_face` was given, rounded."""
    return np.frombuffer(face, "<i4").reshape(LANDMARKS, 2) / MICRO


def pack_verdict(verdict: Verdict) -> bytes:
    """Return the bytes of a verdict."""
    facts = {name: value for name, value in vars(verdict).items() if name != "face" and value}
    text = json.dumps(facts, separators=(",", ":"), default=dict)
    return FACE_LENGTH.pack(len(verdict.face)) + verdict.face + zlib.compress(text.encode())


def unpack_verdict(data: bytes) -> Verdict:
    """Return the verdict in these bytes, which must be those that were packed."""
    (length,) = FACE_LENGTH.unpack_from(data)
    begin = FACE_LENGTH.size
    text = zlib.decompressobj().decompress(data[begin + length :], LARGEST_JSON)
    facts: dict[str, Any] = json.loads(text)
    known = {"key": "", "clip": "", **facts, "source": tuple(facts["source"])}
    return Verdict(face=data[begin : begin + length], **known)
