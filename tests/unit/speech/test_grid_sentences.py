"""Sentences that GRID's clips are named after."""

from pathlib import Path

import pytest

from emotalk.speech.forced_alignment import spoken_text
from emotalk.speech.grid_sentences import grid_sentence
from tests.helpers.shared import shared_data


def words_of(path: Path) -> str:
    """Return the words of the corpus's own word times."""
    words = [line.split()[2] for line in path.read_text(encoding="ascii").splitlines()]
    return " ".join(word for word in words if word not in {"sil", "sp"})


def test_every_name_stands_for_the_words_of_the_corpus_own_word_times() -> None:
    files = sorted(shared_data("data", "grid_s1_600", "align").glob("*.align"))
    assert len(files) > 500
    assert {f.stem: grid_sentence(f"{f.stem}.mp4") for f in files} == {
        f.stem: words_of(f) for f in files
    }


@pytest.mark.parametrize("clip", ["s1/bbaf2n.mpg", "s1_bbaf2n.mp4", "id2_vcd_bbaf2n", "bbaf2n.mov"])
def test_the_letters_may_follow_a_folder_or_an_underscore(clip: str) -> None:
    assert grid_sentence(clip) == "bin blue at f two now"


@pytest.mark.parametrize(
    "clip", ["", "1001_IEO_HAP_HI.flv", "bbaw2n.mp4", "bbaf0n.mp4", "xbbaf2n.mp4", "bbaf2n_2.mp4"]
)
def test_other_names_stand_for_nothing(clip: str) -> None:
    assert grid_sentence(clip) is None


def test_what_somebody_wrote_down_comes_first() -> None:
    assert spoken_text({"clip": "s1_bbaf2n.mp4", "text": "hello"}) == "hello"
    assert spoken_text({"clip": "s1_bbaf2n.mp4"}) == "bin blue at f two now"
