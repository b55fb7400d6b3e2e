"""What is said in a recording is read from the file of its words, where that can be used."""

from pathlib import Path

import pytest

from etl.corpora.spoken_text import spoken_text
from tests.helpers.shared import shared_data

ALIGNED = "0 23750 sil\n23750 29500 bin\n29500 34000 blue\n34000 35500 sp\n35500 41000 at\n"


def put(folder: Path, **files: str) -> frozenset[str]:
    """Write files, `__` in their names for `/` and `_` for `.`; return all paths."""
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return frozenset(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_words_of_grid_are_its_align_file_without_pauses(tmp_path: Path) -> None:
    names = put(tmp_path, s1__a_align=ALIGNED)
    assert spoken_text(tmp_path, "s1/a.mpg", names) == "bin blue at"


@pytest.mark.parametrize(
    ("clip", "place"),
    [
        ("a.mpg", "align/a.align"),
        ("s1/a.mpg", "s1/align/a.align"),
        ("s1/video/a.mpg", "s1/align/a.align"),
        ("s1/video/mpg_6000/a.mpg", "s1/align/a.align"),
        ("s1/a.mpg", "alignments/s1/a.align"),
        ("video/s1/a.mpg", "align/s1/a.align"),
    ],
)
def test_the_layouts_of_grid_are_known(tmp_path: Path, clip: str, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text(ALIGNED)
    assert spoken_text(tmp_path, clip, frozenset([place])) == "bin blue at"


def test_each_speaker_has_the_words_of_the_own_folder(tmp_path: Path) -> None:
    names = put(tmp_path, align__s1__a_align=ALIGNED, align__s2__a_align="0 9 sil\n9 20 lay\n")
    assert spoken_text(tmp_path, "s1/a.mpg", names) == "bin blue at"
    assert spoken_text(tmp_path, "s2/a.mpg", names) == "lay"
    assert spoken_text(tmp_path, "s3/a.mpg", names) == ""


def test_a_text_of_the_users_own_goes_before_the_align_file(tmp_path: Path) -> None:
    names = put(tmp_path, a_align=ALIGNED, a_txt="my \n words")
    assert spoken_text(tmp_path, "a.mpg", names) == "my words"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "0 23750 sil\n",
        "0 23750 bin\nblue at f\n",
        "23750 0 bin\n",
        "0 1 bin blue\n",
        "0 1 b\x1b[2Jin\n",
        "\x00\x01",
        "0 1 word\n" * 10_000,
    ],
)
def test_a_file_that_is_no_list_of_timed_words_is_passed_over(tmp_path: Path, content: str) -> None:
    names = put(tmp_path, a_align=content)
    assert spoken_text(tmp_path, "a.mpg", names) == ""


def test_no_file_is_opened_that_was_not_listed(tmp_path: Path) -> None:
    put(tmp_path, a_align=ALIGNED)
    assert spoken_text(tmp_path, "a.mpg", frozenset()) == ""


def test_real_words_of_a_grid_clip(tmp_path: Path) -> None:
    corpus = shared_data("data", "grid_s1_600")
    names = frozenset(["align/s1_bbaf2n.align"])
    assert spoken_text(corpus, "s1_bbaf2n.mp4", names) == "bin blue at f two now"
