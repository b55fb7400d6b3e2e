"""Files held against the hashes that were written beside them."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotalk.files.checksums import (
    check_all_sums,
    check_sums,
    file_sha256,
    read_sums,
    sealed,
    unsealed,
    write_sums,
)

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


def test_an_open_file_is_hashed_from_its_beginning_and_stays_open(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    with (tmp_path / "a").open("rb") as file:
        file.read()
        assert file_sha256(file.fileno()) == file_sha256(tmp_path / "a") == DIGEST
        assert not file.closed
        assert file.seek(0) == 0


def test_all_files_of_a_folder_are_listed_and_checked(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    write_sums(tmp_path)
    assert sorted(read_sums(tmp_path)) == ["a", "b"]
    check_all_sums(tmp_path, required="a")
    with pytest.raises(ValueError, match="damaged: SHA256SUMS not as written"):
        check_all_sums(tmp_path, required="c")
    (tmp_path / "b").write_bytes(b"c")
    with pytest.raises(ValueError, match="damaged: b not as written"):
        check_all_sums(tmp_path, required="a")
    (tmp_path / "a").unlink()
    with pytest.raises(ValueError, match="damaged: a not as written"):
        check_all_sums(tmp_path, required="a")


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300), place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_flipped_bit_goes_unseen(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, place: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("sealed") / "file"
    whole = sealed(data)
    path.write_bytes(whole)
    assert unsealed(path) == data
    spoilt = bytearray(whole)
    spoilt[place % len(whole)] ^= 1 << bit
    path.write_bytes(bytes(spoilt))
    assert unsealed(path) is None
