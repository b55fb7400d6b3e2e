"""Read a sample's members out of its tar.

A read takes one contiguous range of the tar and checks it: the tar headers in the range must name
this sample's members with these sizes. So a tar that was cut off, replaced or overwritten is never
taken for the one the index describes.
"""

import tarfile
from collections.abc import Iterable

from emotalk.printable import printable, printable_lines
from emotalk.shards.joined_set import AnyShardSet
from emotalk.shards.manifest import ShardEntry
from emotalk.shards.sample_table import Sample
from emotalk.shards.storage import Storage, StorageFault

BLOCK = tarfile.BLOCKSIZE
SIZE_FIELD, CHECKSUM_FIELD = (124, 136), (148, 156)  # begin and end in a tar header
NAME_FIELD = 100  # bytes of a tar header's name; a longer one stands whole in a header before it


class DataFault(RuntimeError):  # noqa: N818  a fault of the data, not of the program
    """A sample cannot be read; the message names shard, sample and next step."""

    def __init__(self, message: str) -> None:
        """Keep the message with control characters escaped."""
        super().__init__(printable_lines(message))


class SampleReader:
    """Read members of samples; use one a process, since opened files are kept.

    Args:
        shard_set: the opened shard set, or several joined.
        verify: compare each tar's sha256 with the manifest's before its first sample is read.
    """

    def __init__(self, shard_set: AnyShardSet, verify: bool = False) -> None:
        self.shard_set = shard_set
        self.verify = verify
        self._faults: dict[int, str] = {}  # fault of a tar, empty if it has none

    def read(self, sample: Sample, members: Iterable[str]) -> dict[str, bytes]:
        """Return the bytes of the named members of a sample.

        Raises:
            DataFault: the tar is missing, cut off or not the one the index describes.
        """
        shard_set, shard, key = self.shard_set.locate(sample)
        ranges = {name: sample.members[name] for name in members}
        begin = min(offset for offset, _ in ranges.values()) - BLOCK
        end = max(offset + size for offset, size in ranges.values())
        try:
            self._check(sample.shard, shard, shard_set.storage)
            data = memoryview(shard_set.storage.read_range(shard, begin, end - begin))
            for name, (offset, size) in ranges.items():
                header = bytes(data[offset - begin - BLOCK : offset - begin])
                _check_header(header, f"{key}.{name}", size)
        except StorageFault as fault:
            raise self.fault(sample, str(fault)) from fault
        return {
            name: bytes(data[offset - begin : offset - begin + size])
            for name, (offset, size) in ranges.items()
        }

    def fault(self, sample: Sample, what: str) -> DataFault:
        """Return the exception on a sample that cannot be read, with what to look at."""
        shard_set, shard, key = self.shard_set.locate(sample)
        return DataFault(
            f"{shard_set.location}/{shard.file}, sample {key}: {what}; check the set with "
            "`emotalk inspect`"
        )

    def _check(self, number: int, shard: ShardEntry, storage: Storage) -> None:
        """Hash a tar at its first read and remember the result."""
        if not self.verify:
            return
        if number not in self._faults:
            found = storage.sha256(shard)
            wrong = f"sha256 {found[:12]}..., the manifest says {shard.sha256[:12]}..."
            self._faults[number] = "" if found == shard.sha256 else wrong
        if self._faults[number]:
            raise StorageFault(self._faults[number])


def _check_header(header: bytes, name: str, size: int) -> None:
    """Raise unless the 512 bytes are the tar header of a file `name` of `size` bytes."""
    wanted = name.encode()[:NAME_FIELD]
    begin, end = SIZE_FIELD
    plain = header[begin:end] == b"%011o\0" % size and header[:NAME_FIELD] == wanted.ljust(
        NAME_FIELD, b"\0"
    )
    if plain and _checksum_fits(header):
        return  # the usual form; the rest reads every other form of the same header
    try:
        found = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        raise StorageFault(f"no member begins where the index says {name} does") from None
    stored = found.name.encode("utf-8", "surrogateescape")[:NAME_FIELD]
    in_ascii = name.encode("ascii", "replace")[:NAME_FIELD]  # as tarfile writes other letters here
    if found.size != size or stored not in (wanted, in_ascii):
        raise StorageFault(
            f"the tar holds {printable(found.name)} of {found.size} bytes where the index says "
            f"{name} of {size} bytes"
        )


def _checksum_fits(header: bytes) -> bool:
    """Return whether a header's checksum is right; its own field counts as blanks."""
    begin, end = CHECKSUM_FIELD
    field = header[begin:end]
    return field[:6] == b"%06o" % (sum(header) - sum(field) + (end - begin) * ord(" "))
