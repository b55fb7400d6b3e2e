"""Compute sha256 hashes of files, and write and verify the `SHA256SUMS` of a folder."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from emotalk.files.small_files import read_small

SUMS = "SHA256SUMS"  # `sha256sum --check SHA256SUMS` in the folder reads it too
LINE = re.compile(r"([0-9a-f]{64}) [ *]([^/\\\x00]{1,255})")
MAX_BYTES = 2**20
DIGEST_BYTES = hashlib.sha256().digest_size


def file_sha256(file: Path | int) -> str:
    """Return the sha256 of a file in hex.

    Args:
        file: a path, or the descriptor of an open file, which stays open.
    """
    with file.open("rb") if isinstance(file, Path) else open(file, "rb", closefd=False) as stream:
        stream.seek(0)
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_sums(folder: Path) -> None:
    """Write `SHA256SUMS` with the hashes of all files in a folder."""
    files = sorted(path for path in folder.iterdir() if path.name != SUMS and path.is_file())
    lines = [f"{file_sha256(path)}  {path.name}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def read_sums(folder: Path) -> dict[str, str]:
    """Return name -> hash in hex as written in the folder's `SHA256SUMS`.

    Raises:
        OSError: it is missing or cannot be read.
        ValueError: it holds something else.
    """
    text = read_small(folder / SUMS, max_bytes=MAX_BYTES).decode("utf-8")
    matches = [LINE.fullmatch(line) for line in text.splitlines()]
    if not all(matches):
        raise ValueError(f"{SUMS}: a line is no hash and name of a file")
    return {match[2]: match[1] for match in matches if match}


def check_sums(folder: Path, names: Iterable[str]) -> None:
    """Compare files with their hashes. A folder without `SHA256SUMS` is not checked.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is not the one that was written, or the sums do not list it.
    """
    if (folder / SUMS).exists():
        _refuse_changed(folder, names, read_sums(folder))


def check_all_sums(folder: Path, *, required: str) -> None:
    """Compare every file that a folder's `SHA256SUMS` lists with its hash.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is missing or not the one that was written, or `required` is not listed.
    """
    written = read_sums(folder)
    missing = sorted(name for name in written if not (folder / name).is_file())
    if missing or required not in written:
        raise ValueError(f"damaged: {', '.join(missing) or SUMS} not as written ({SUMS})")
    _refuse_changed(folder, sorted(written), written)


def _refuse_changed(folder: Path, names: Iterable[str], written: dict[str, str]) -> None:
    changed = [name for name in names if written.get(name) != file_sha256(folder / name)]
    if changed:
        raise ValueError(f"damaged: {', '.join(changed)} not as written ({SUMS})")


def sealed(data: bytes) -> bytes:
    """Return bytes with their sha256 in front, so that `unsealed` notices damage."""
    return hashlib.sha256(data).digest() + data


def unsealed(path: Path) -> bytes | None:
    """Return the bytes that were sealed in a file, or None if it is missing or damaged."""
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return None
    return unseal(found)


def unseal(found: bytes) -> bytes | None:
    """Return the bytes that `sealed` was given, or None if one of them changed."""
    data = found[DIGEST_BYTES:]
    return data if hashlib.sha256(data).digest() == found[:DIGEST_BYTES] else None
