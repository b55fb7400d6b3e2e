"""Every row of a table is a request as it was written, or has its fault; the rest is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from emotalk.inference.batch_table import read_batch
from emotalk.inference.talking_video import VideoRequest

TEMPLATE = VideoRequest(
    image=Path(), audio=Path(), emotion="", output=Path(), landmarks=None, seed=7, scale=2
)
HEAD = "image,audio,emotion,output"


def table(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = folder / "jobs.csv"
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def test_a_row_says_what_its_video_is_made_of_and_the_template_the_rest(tmp_path: Path) -> None:
    (row,) = read_batch(table(tmp_path, HEAD, 'a.png,b/c.wav,"0=sad,1=happy",o.mp4'), TEMPLATE)
    assert row.line == 2
    assert row.request == replace(
        TEMPLATE,
        image=tmp_path / "a.png",
        audio=tmp_path / "b" / "c.wav",
        emotion="0=sad,1=happy",
        output=tmp_path / "o.mp4",
    )


def test_intensity_and_seed_are_read_where_they_are_written(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        " Seed , OUTPUT,image,audio,emotion,intensity",
        "3,o.mp4,a.png,b.wav,sad,0.25",
        "",
        ",p.mp4,/abs/a.png,b.wav,sad,",
    )
    first, second = (row.request for row in read_batch(path, TEMPLATE))
    assert first is not None
    assert second is not None
    assert (first.seed, first.intensity) == (3, 0.25)
    assert (second.seed, second.intensity) == (7, 1.0)
    assert second.image == Path("/abs/a.png")


@pytest.mark.parametrize("mark", [";", "\t"])
def test_tables_of_spreadsheets_are_read(tmp_path: Path, mark: str) -> None:
    lines = [HEAD.replace(",", mark), mark.join(["a.png", "b.wav", "0=sad,1=happy", "o.mp4"])]
    (row,) = read_batch(table(tmp_path, *lines, encoding="utf-8-sig"), TEMPLATE)
    assert row.request is not None
    assert row.request.emotion == "0=sad,1=happy"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("a.png,b.wav,0=sad,1=happy,o.mp4", "in double quotes"),
        ("a.png,b.wav,sad,o.mp4,0.5,1,2", "7 fields in 6 columns"),
        ("a.png,,sad,o.mp4", "nothing in the column audio"),
        ("a.png,b.wav", "nothing in the column emotion, output"),
        ("a.png,b.wav,sad,o.mp4,2", "intensity '2' is not a number from 0 to 1"),
        ("a.png,b.wav,sad,o.mp4,nan", "intensity 'nan'"),
        ("a.png,b.wav,sad,o.mp4,,-1", "seed '-1' is not a whole number"),
        ("a.png,b.wav,sad,o.mp4,,9223372036854775808", "is not a whole number"),
        ("a.png,b.wav,sad,o\0.mp4", "zero byte"),
        ("a.png,b.wav,sad,good.mp4", "line 2 has the same output"),
        ("a.png,b.wav,sad,./x/../good.mp4", "line 2 has the same output"),
        ("a.png,good.wav,sad,b.wav", "is a picture or recording of this table"),
    ],
)
def test_a_bad_row_has_its_fault_and_the_others_stay(tmp_path: Path, line: str, fault: str) -> None:
    good = "a.png,b.wav,sad,good.mp4"
    path = table(tmp_path, f"{HEAD},intensity,seed", good, line, "c.png,d.wav,sad,other.mp4")
    rows = read_batch(path, TEMPLATE)
    assert [row.request is not None for row in rows] == [True, False, True]
    assert fault in rows[1].fault
    assert rows[1].line == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty; its first line names the columns: image,audio,emotion,output"),
        (b"image,audio,emotion,output\n", "no rows"),
        (b"image,audio,emotoin,output\na,b,c,d\n", r"missing: 'emotion'; unknown: 'emotoin'"),
        (b"image,audio,emotion,output,seed,seed\na,b,c,d\n", "twice: 'seed'"),
        (b'image,audio,emotion,output\n"a,b,c,d\n', "line 2 is no CSV"),
        (b"image,audio,emotion,output\n\xff\xfe,b,c,d\n", "not UTF-8 text"),
        (b"\x89PNG\r\n\x1a\n" * 10, "not UTF-8"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "jobs.csv"
    path.write_bytes(content)
    with pytest.raises(WrongUse, match=message):
        read_batch(path, TEMPLATE)


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"cannot be read: No such file.*; name a CSV file whose"):
        read_batch(tmp_path / "none.csv", TEMPLATE)
    with pytest.raises(WrongUse, match="cannot be read: Is a directory"):
        read_batch(tmp_path, TEMPLATE)
