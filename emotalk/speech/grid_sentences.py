"""Read the sentence of a GRID clip from its name.

Source: Cooke, Barker, Cunningham and Shao 2006: six words of a fixed grammar, one letter each.
"""

import re
from pathlib import PurePosixPath

COMMANDS = {"b": "bin", "l": "lay", "p": "place", "s": "set"}
COLOURS = {"b": "blue", "g": "green", "r": "red", "w": "white"}
PREPOSITIONS = {"a": "at", "b": "by", "i": "in", "w": "with"}
DIGITS = {
    "z": "zero", "1": "one", "2": "two", "3": "three", "4": "four",
    "5": "five", "6": "six", "7": "seven", "8": "eight", "9": "nine",
}  # fmt: skip
ADVERBS = {"a": "again", "n": "now", "p": "please", "s": "soon"}
_NAME = re.compile(r"(?:.*_)?([blps])([bgrw])([abiw])([a-vx-z])([z1-9])([anps])", re.ASCII)


def grid_sentence(clip: str) -> str | None:
    """Return the sentence that a clip's name stands for, or None if it is no GRID name.

    The six letters are the name without its ending, or what follows its last underscore:
    `s1/bbaf2n.mpg` and `s1_bbaf2n.mp4` are "bin blue at f two now".
    """
    found = _NAME.fullmatch(PurePosixPath(clip).stem)
    if found is None:
        return None
    command, colour, preposition, letter, digit, adverb = found.groups()
    return " ".join(
        (
            COMMANDS[command],
            COLOURS[colour],
            PREPOSITIONS[preposition],
            letter,
            DIGITS[digit],
            ADVERBS[adverb],
        )
    )
