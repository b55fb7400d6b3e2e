"""Find files whose name has another Unicode normal form on disk than in a table.

`é` is one character (NFC) or an `e` and an accent (NFD, as macOS writes): the same name to people,
another file to Linux.
"""

import os
import unicodedata
from functools import lru_cache
from pathlib import Path

from emotalk.errors import WrongUse


def stored_path(folder: Path, name: str) -> Path:
    """Return the path of a file in the normal form in which it is stored; it may be missing.

    `name` is the path within the folder, and stays unchanged where such a file exists.

    Raises:
        WrongUse: several files have this name in different normal forms.
    """
    path = folder / name
    if name.isascii() or os.path.lexists(path):
        return path
    found = folder
    for part in Path(name).parts:
        exact = found / part
        found = exact if os.path.lexists(exact) else found / _stored(found, part)
    return found


def forms(name: str) -> list[str]:
    """Return a name, and its other normal forms where those differ."""
    every = (name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name))
    return list(dict.fromkeys(every))


def _stored(folder: Path, part: str) -> str:
    same = _by_normal_form(folder).get(unicodedata.normalize("NFC", part), ())
    if len(same) > 1:
        raise WrongUse(
            f"{folder}: {len(same)} files are called {part!r} and differ only in how the accents "
            f"are stored ({', '.join(map(ascii, same))}); rename all but one"
        )
    return same[0] if same else part


@lru_cache(maxsize=64)
def _by_normal_form(folder: Path) -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    try:
        entries = sorted(os.listdir(folder))
    except OSError:
        return names
    for entry in entries:
        key = unicodedata.normalize("NFC", entry)
        names[key] = (*names.get(key, ()), entry)
    return names
