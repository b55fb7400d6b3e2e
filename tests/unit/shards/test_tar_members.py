"""Members of a tar by its headers, held against tarfile."""

import io
import tarfile
from pathlib import Path

import pytest

from emotalk.shards.tar_members import TarMember, UnfitTar, tar_members

NAMES = ["a.mp4", "k" * 150 + ".json", "лицо.flac", "d" * 90 + "/" + "e" * 90 + ".npy", "empty"]


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_members_are_those_that_tarfile_finds(tmp_path: Path, form: int) -> None:
    path = tmp_path / "x.tar"
    names = [name for name in NAMES if form != tarfile.USTAR_FORMAT or len(name) < 100]
    with tarfile.open(path, "w", format=form) as tar:
        for size, name in enumerate(names):
            info = tarfile.TarInfo(name)
            info.size = size * 300
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    with tarfile.open(path) as tar:
        wanted = [TarMember(info.name, info.offset_data, info.size) for info in tar]
    assert list(tar_members(path)) == wanted
    assert [member.name for member in wanted] == names


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_a_compressed_tar_is_refused_unread(tmp_path: Path, compression: str) -> None:
    with tarfile.open(tmp_path / "x.tar", f"w:{compression}") as tar:  # type: ignore[call-overload]
        tar.addfile(tarfile.TarInfo("a"))
    with pytest.raises(UnfitTar, match="no header of a member at byte 0"):
        list(tar_members(tmp_path / "x.tar"))


def test_a_long_name_beyond_its_bound_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("a" * 100_000))
    with pytest.raises(UnfitTar, match="a header for a long name has"):
        list(tar_members(tmp_path / "x.tar"))
