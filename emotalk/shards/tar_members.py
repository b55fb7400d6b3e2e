"""List the members of a tar by its headers, in one pass that always ends."""

import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from emotalk.printable import quoted

BLOCK = tarfile.BLOCKSIZE
LONGEST_NAME = 64 * 2**10  # bytes of a header that holds only a long name
FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)
GNU_NAME, PAX_NAME = tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE
PATH_RECORD = re.compile(rb"(?:^|\n)[0-9]{1,20} path=([^\n]*)\n")


class UnfitTar(ValueError):  # noqa: N818  a fault of the file, not of the program
    """A file is not the tar of a shard."""


@dataclass(frozen=True)
class TarMember:
    """A file in a tar."""

    name: str
    offset: int  # byte of the tar at which its content begins
    size: int  # bytes of its content


def tar_members(path: Path) -> Iterator[TarMember]:
    """Yield the files of an uncompressed tar in their order without reading their content.

    Raises:
        UnfitTar: an invalid header, a member that exceeds the tar, or one that is no plain file
            (a link, folder or device).
        OSError: the tar cannot be read.
    """
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        place, long_name = 0, None
        while place < end:
            file.seek(place)
            header = file.read(BLOCK)
            if not header.strip(b"\0"):  # the first block of the end mark
                return
            info = _info(header, place)
            content = place + BLOCK
            if not 0 <= info.size <= end - content:
                raise UnfitTar(f"{quoted(info.name)} at byte {place} would end beyond the tar")
            if info.type in (GNU_NAME, PAX_NAME):
                long_name = _long_name(file, info) or long_name
            elif info.type in FILES:
                yield TarMember(long_name or info.name, content, info.size)
                long_name = None
            elif info.type != tarfile.XGLTYPE:
                raise UnfitTar(f"{quoted(long_name or info.name)} at byte {place} is no plain file")
            place = content + -(-info.size // BLOCK) * BLOCK


def _info(header: bytes, place: int) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError) as error:
        raise UnfitTar(f"no header of a member at byte {place} ({error})") from None


def _long_name(file: BinaryIO, info: tarfile.TarInfo) -> str | None:
    """Return the name in a header for long names, None where it holds other facts."""
    if info.size > LONGEST_NAME:
        raise UnfitTar(f"a header for a long name has {info.size} bytes")
    data = file.read(info.size)
    if info.type == GNU_NAME:
        return data.rstrip(b"\0").decode("utf-8", "surrogateescape")
    found = PATH_RECORD.findall(data)
    return found[-1].decode("utf-8", "surrogateescape") if found else None
