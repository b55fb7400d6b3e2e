"""Files held against the hashes that were written beside them."""

import hashlib
from pathlib import Path

import pytest

from emotalk.files.checksums import check_sums, read_sums

DIGEST = hashlib.sha256(b"a").hexdigest()


def folder_with(folder: Path, sums: str) -> Path:
    (folder / "a").write_bytes(b"a")
    (folder / "SHA256SUMS").write_text(sums)
    return folder


def test_what_sha256sum_writes_is_read(tmp_path: Path) -> None:
    folder_with(tmp_path, f"{DIGEST}  a\n{DIGEST} *b c\n")
    assert read_sums(tmp_path) == {"a": DIGEST, "b c": DIGEST}
    check_sums(tmp_path, ["a"])


def test_a_changed_and_an_unlisted_file_are_named(tmp_path: Path) -> None:
    folder_with(tmp_path, f"{'0' * 64}  a\n")
    (tmp_path / "other").touch()
    with pytest.raises(ValueError, match="damaged: a, other not as written"):
        check_sums(tmp_path, ["a", "other"])


@pytest.mark.parametrize("sums", ["x", "a  b", f"{DIGEST}  ../a", f"{DIGEST}  a\n\n", "\0" * 99])
def test_other_lines_are_refused(tmp_path: Path, sums: str) -> None:
    with pytest.raises(ValueError, match="a line is no hash and name of a file"):
        check_sums(folder_with(tmp_path, sums), ["a"])


def test_a_folder_without_sums_is_taken_as_it_is(tmp_path: Path) -> None:
    check_sums(tmp_path, ["missing"])
