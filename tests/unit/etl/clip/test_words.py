"""Word times beside a clip: read whole or refused, and cut to the sample."""

from pathlib import Path

import pytest

from emotalk.schema import Rejection, Word
from etl.clip.words import WordTimes, read_words


def read(folder: Path, text: str) -> tuple[Word, ...]:
    path = folder / "a.words.csv"
    path.write_text(text, encoding="utf-8")
    return read_words(path).words


def test_words_and_their_times_are_read(tmp_path: Path) -> None:
    rows = "bin,0,0.32,b ih n\r\n\u05e9\u05dc\u05d5\u05dd,0.31,1e0,\r\n"
    assert read(tmp_path, f"\ufeffword, start,end,phones\r\n{rows}") == (
        Word("bin", 0.0, 0.32),
        Word("\u05e9\u05dc\u05d5\u05dd", 0.31, 1.0),
    )
    assert read(tmp_path, "word,start,end\n") == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "has not the columns word, start, end, each once; found: none"),
        ("word,start\nbin,0\n", "found: word, start"),
        ("word,start,end,end\nbin,0,1,2\n", "each once"),
        ("word;start;end\nbin;0;1\n", "found: word;start;end"),
        ("word,start,end\nbin,0,1\n,1,2\n", "line 3: word '' is empty"),
        ("word,start,end\nb\x1b[2Jn,0,1\n", "line 2: word .* unprintable"),
        (f"word,start,end\n{'x' * 201},0,1\n", "longer than 200 letters"),
        ("word,start,end\nbin,now,1\n", "start 'now' and end '1' are not both numbers"),
        ("word,start,end\nbin,0\n", "end '' are not both numbers"),
        ("word,start,end\nbin,-0.1,1\n", "times are 0 or more"),
        ("word,start,end\nbin,nan,1\n", "times are 0 or more"),
        ("word,start,end\nbin,0,inf\n", "times are 0 or more"),
        ("word,start,end\nbin,0.5,0.5\n", "a word ends after it starts"),
        ("word,start,end\na,0,1\nb,0.9,2\n", "starts before the word before it ends, at 1 s"),
        ('word,start,end\n"bin,0,1\n', "unexpected end of data"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(
    tmp_path: Path, text: str, fault: str
) -> None:
    with pytest.raises(Rejection, match=fault) as caught:
        read(tmp_path, text)
    assert caught.value.reason == "bad_words"
    assert caught.value.detail.startswith("a.words.csv ")
    assert len(caught.value.detail) < 400


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.words.csv").write_bytes("word,start,end\n".encode("utf-16"))
    (tmp_path / "b.words.csv").mkdir()
    (tmp_path / "c.words.csv").symlink_to("nowhere")
    for name, fault in (("a", "no UTF-8"), ("b", "Is a directory"), ("c", "No such file")):
        with pytest.raises(Rejection, match=fault):
            read_words(tmp_path / f"{name}.words.csv")


def times(*words: tuple[str, float, float]) -> WordTimes:
    return WordTimes("a.words.csv", "", tuple(Word(*word) for word in words))


def test_times_in_milliseconds_or_of_another_recording_are_refused() -> None:
    times(("bin", 0.0, 3.4)).check_end(3.0)
    times().check_end(3.0)
    with pytest.raises(Rejection, match=r"last word ends at 320 s, the recording at 3\.00 s"):
        times(("bin", 0.0, 320.0)).check_end(3.0)


def test_words_are_cut_to_the_sample_and_told_on_its_clock() -> None:
    """A sample of two seconds from 1.5 s on; the words at its ends belong to it by their middle."""
    words = times(("a", 0.2, 1.4), ("b", 1.3, 1.8), ("c", 2.0, 2.5), ("d", 3.3, 3.6), ("e", 3.4, 9))
    assert words.within(1.5, 50) == (
        Word("b", 0.0, 0.3),
        Word("c", 0.5, 1.0),
        Word("d", 1.8, 2.0),
    )
