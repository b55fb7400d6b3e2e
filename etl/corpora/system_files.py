"""Recognise files that operating systems and file servers leave among a corpus' clips."""

from collections.abc import Iterable

FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
FOLDERS = frozenset(
    {"@eadir", "#recycle", "__macosx", "$recycle.bin", "lost+found", "system volume information"}
)


def without_system_files(names: Iterable[str]) -> tuple[list[str], int]:
    """Return the other names (parted by `/`), in their order, and the number of system files.

    System files are hidden ones (`._CLIP.flv` of macOS, `.DS_Store`), all in hidden folders
    (`.AppleDouble`), `Thumbs.db`, `desktop.ini` and the folders of file servers (`@eaDir`).
    """
    every = list(names)
    own = [name for name in every if not _is_system_file(name)]
    return own, len(every) - len(own)


def _is_system_file(name: str) -> bool:
    *folders, file = name.split("/")
    return (
        any(part.startswith(".") for part in (*folders, file))
        or file.lower() in FILES
        or any(folder.lower() in FOLDERS for folder in folders)
    )
