"""Escape control characters in untrusted text for terminals, logs and pages."""

import unicodedata

LONGEST = 400
# Control characters and escape sequences, halves of surrogate pairs, line and paragraph separators.
UNPRINTABLE = frozenset(("Cc", "Cs", "Zl", "Zp"))
# Marks that reverse the direction of text, so that it reads otherwise than it is stored.
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str, *, longest: int = LONGEST) -> str:
    r"""Return `text` on one line with every character that a terminal acts upon escaped (`\x1b`).

    Letters of all scripts stay. The middle of a text of more than `longest` characters is left out.
    Applying it twice changes nothing more.
    """
    shown = _escaped(_shortened(text, longest))
    return _shortened(shown, longest)


def printable_lines(text: str) -> str:
    """Return `text` escaped, of any length, with its line breaks and tabs kept."""
    return text if text.isascii() and text.isprintable() else _escaped(text, kept="\n\t")


def is_printable(text: str) -> bool:
    """Return whether `text` holds nothing that `printable` escapes."""
    return text.isprintable() or not any(_acts(letter) for letter in text)


def quoted(value: object) -> str:
    """Return a value of any type as `repr` writes it, printable and short.

    A value that Python refuses to write (a number of 5,000 digits, a deeply nested list) is named
    by its type.
    """
    try:
        return printable(repr(value), longest=200)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} that is too large to show"


def _escaped(text: str, kept: str = "") -> str:
    if text.isprintable():
        return text
    return "".join(
        letter if letter in kept or not _acts(letter) else _escape(letter) for letter in text
    )


def _acts(letter: str) -> bool:
    return letter in TURNING or unicodedata.category(letter) in UNPRINTABLE


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")


def _shortened(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    half = (longest - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"
