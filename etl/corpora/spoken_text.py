"""Read what is said in a recording from the file of its words that stands beside it."""

import re
from collections.abc import Callable, Iterator, Set
from pathlib import Path, PurePosixPath

from emotalk.files.small_files import UnfitFile, read_small
from emotalk.printable import is_printable

LARGEST_TEXT = 64 * 2**10  # bytes
LONGEST_TEXT = 2000  # letters
TIMED_LABEL = re.compile(r"\d+\s+\d+\s+\S")  # a line of HTK's labels: no plain text
ALIGN_SUFFIX = ".align"
ALIGN_FOLDERS = ("align", "alignments")
ALIGN_LINE = re.compile(r"(\d{1,12})[ \t]+(\d{1,12})[ \t]+(\S+)", re.ASCII)
PAUSES = frozenset(("sil", "sp"))


def spoken_text(folder: Path, clip: str, names: Set[str]) -> str:
    """Return what is said in a clip, on one line; empty where no file beside it tells.

    Read are, in this order, NAME.txt and NAME.lab of plain text, and NAME.align of the GRID corpus:
    beside the clip, or in a folder `align` or `alignments` beside it or beside a folder that it is
    in, there at the clip's path or the end of it (`align/s1/NAME.align` for `s1/NAME.mpg` and for
    `video/s1/NAME.mpg`). A file that cannot be used is passed over.

    Args:
        folder: of the recordings.
        clip: path in the folder.
        names: paths of all files in the folder; no other file is opened.
    """
    for name, read in _files(PurePosixPath(clip)):
        if name not in names:
            continue
        try:
            found = read(read_small(folder / name, max_bytes=LARGEST_TEXT).decode("utf-8-sig"))
        except (OSError, UnfitFile, UnicodeDecodeError):
            continue
        if found and len(found) <= LONGEST_TEXT and is_printable(found):
            return found
    return ""


def _files(clip: PurePosixPath) -> Iterator[tuple[str, Callable[[str], str]]]:
    """Yield the files that may hold a clip's words, each with what reads its content."""
    yield str(clip.with_suffix(".txt")), _one_line
    yield str(clip.with_suffix(".lab")), _plain_label
    aligned = clip.with_suffix(ALIGN_SUFFIX)
    yield str(aligned), _aligned_words
    for place in clip.parents:  # the nearest first
        below = aligned.relative_to(place).parts
        for folder in ALIGN_FOLDERS:
            for at in range(len(below)):
                yield str(place.joinpath(folder, *below[at:])), _aligned_words


def _one_line(content: str) -> str:
    return " ".join(content.split())


def _plain_label(content: str) -> str:
    text = _one_line(content)
    return "" if TIMED_LABEL.match(text) else text


def _aligned_words(content: str) -> str:
    """Return the words of lines `start end word` without the pauses; empty if a line is other."""
    lines = [ALIGN_LINE.fullmatch(line.strip()) for line in content.splitlines() if line.strip()]
    words = [line[3] for line in lines if line is not None and int(line[1]) <= int(line[2])]
    if len(words) < len(lines):
        return ""
    return " ".join(word for word in words if word.lower() not in PAUSES)
