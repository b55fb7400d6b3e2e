"""Pass over files that operating systems and file servers leave among a corpus' clips."""

from collections.abc import Iterable

FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
FOLDERS = frozenset(
    {"@eadir", "#recycle", "__macosx", "$recycle.bin", "lost+found", "system volume information"}
)


def without_leavings(names: Iterable[str]) -> tuple[list[str], int]:
    """Return the names that are a corpus' own, in their order, and how many were passed over.

    Passed over are hidden files (`._CLIP.flv` of macOS, `.DS_Store`), what lies in hidden folders
    (`.AppleDouble`), `Thumbs.db`, `desktop.ini` and the folders of file servers (`@eaDir`).

    Args:
        names: files by their path inside the source, parted by `/`.
    """
    every = list(names)
    own = [name for name in every if not _is_leaving(name)]
    return own, len(every) - len(own)


def _is_leaving(name: str) -> bool:
    *folders, file = name.split("/")
    return (
        any(part.startswith(".") for part in (*folders, file))
        or file.lower() in FILES
        or any(folder.lower() in FOLDERS for folder in folders)
    )
