"""A name is found whichever way its accents are stored."""

import unicodedata
from pathlib import Path

import pytest

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from etl.corpora import list_clips
from etl.corpora.normal_form import stored_path

NFC = "José/café_ü.mp4"
NFD = unicodedata.normalize("NFD", NFC)


@pytest.mark.parametrize(("told", "stored"), [(NFC, NFD), (NFD, NFC), (NFC, NFC)])
def test_a_table_s_clip_is_found_in_another_normal_form(
    tmp_path: Path, told: str, stored: str
) -> None:
    (tmp_path / stored).parent.mkdir()
    (tmp_path / stored).write_bytes(b"x")
    (tmp_path / "clips.csv").write_text(f"clip,actor,emotion\n{told},a,anger\n", encoding="utf-8")
    config = EtlConfig(corpus="folder", source=str(tmp_path), output=tmp_path / "out")
    (clip,) = list_clips(config).clips
    assert clip.video == tmp_path / stored
    assert clip.label.clip == told


def test_two_files_of_one_name_are_refused_unless_one_is_it_exactly(tmp_path: Path) -> None:
    stored = ("a\u0301\u0323", "a\u0323\u0301")  # two orders of the marks over and under the a
    for name in stored:
        (tmp_path / name).touch()
    assert stored_path(tmp_path, stored[0]) == tmp_path / stored[0]
    with pytest.raises(WrongUse, match=r"2 files are called .* differ only in how the accents"):
        stored_path(tmp_path, unicodedata.normalize("NFC", stored[0]))


def test_a_name_that_is_not_there_stays_as_it_is(tmp_path: Path) -> None:
    assert stored_path(tmp_path, NFC) == tmp_path / NFC
    assert stored_path(tmp_path / "nowhere", "é/x") == tmp_path / "nowhere" / "é" / "x"
