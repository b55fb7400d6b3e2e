"""Files that may be anything, read without waiting and without limit on nothing."""

import os
from pathlib import Path

import pytest

from emotalk.files.small_files import UnfitFile, parse_json, read_small


def test_a_file_is_read_to_its_limit_and_not_beyond(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_small(tmp_path / "file", max_bytes=5) == b"12345"
    with pytest.raises(UnfitFile, match="more than 4 bytes"):
        read_small(tmp_path / "file", max_bytes=4)


def test_what_never_ends_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UnfitFile, match="pipe or device"):
            read_small(path)
    with pytest.raises(OSError, match="Is a directory"):
        read_small(tmp_path)
    with pytest.raises(UnfitFile, match="name"):
        read_small(tmp_path / "a\0b")
    with pytest.raises(FileNotFoundError):
        read_small(tmp_path / "missing")


@pytest.mark.parametrize("text", [b"", b"[" * 100_000, b"9" * 5000, b"\xff", b'{"a": 1', b"nan"])
def test_what_is_no_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  of whichever kind
        parse_json(text)
