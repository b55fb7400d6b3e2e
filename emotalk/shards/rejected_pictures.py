"""Define the pictures of rejected clips, `rejected_pictures.jsonl`: a JSON object a line.

Of each reason the first clips by name have one. The file lies beside the manifest and is part of
no hash; sets of older versions have none.
"""

import base64
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field

from emotalk.media.thumbnail import MAX_BYTES, is_thumbnail
from emotalk.shards.json_lines import fit_lines, lines_json
from emotalk.shards.names import PICTURES_NAME
from emotalk.shards.record import Record
from emotalk.shards.rejected import RejectedClip

PICTURES_A_REASON = 8


class RejectedPicture(Record):
    """One line."""

    clip: str
    jpeg: Annotated[str, Field(max_length=2 * MAX_BYTES)]  # in base64


def first_rejected(rejected: Iterable[RejectedClip]) -> list[RejectedClip]:
    """Return the clips of each reason that have a picture if one could be made, by name."""
    counts: Counter[str] = Counter()
    first = []
    for line in sorted(rejected, key=lambda line: (line.clip, line.reason)):
        counts[line.reason] += 1
        if counts[line.reason] <= PICTURES_A_REASON:
            first.append(line)
    return first


def rejected_picture(clip: str, jpeg: bytes) -> RejectedPicture:
    """Return the line of a picture."""
    return RejectedPicture(clip=clip, jpeg=base64.b64encode(jpeg).decode())


def pictures_json(pictures: Iterable[RejectedPicture]) -> bytes:
    """Return the content of `rejected_pictures.jsonl`, sorted by clip."""
    ordered = sorted(pictures, key=lambda line: line.clip)
    return lines_json(ordered)


def read_pictures(folder: Path) -> dict[str, bytes]:
    """Return the pictures of a set's rejected clips as JPEG by clip; none without the file."""
    found = {}
    for line in fit_lines(RejectedPicture, folder / PICTURES_NAME):
        try:
            jpeg = base64.b64decode(line.jpeg, validate=True)
        except ValueError:
            continue
        if is_thumbnail(jpeg):
            found[line.clip] = jpeg
    return found
