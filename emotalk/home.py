"""Set home folder and user name of a process that lacks them, as in some containers.

Libraries ask for both when they are imported and end in tracebacks. Only the standard library is
imported here: the entry points call `ensure_home` before anything else.
"""

import os
import pwd
import stat
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")  # in the order in which getpass looks at them


def ensure_home(environment: MutableMapping[str, str] = os.environ) -> Path | None:
    """Set HOME, to a folder in the temporary folder, and USER if they are not set.

    Return the new home folder, or None if there was one.
    """
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        if not any(environment.get(name) for name in NAMES):
            environment["USER"] = f"uid{os.getuid()}"
        if not environment.get("HOME"):
            home = _own_folder(Path(tempfile.gettempdir()) / f"emotalk-home-{os.getuid()}")
            environment["HOME"] = str(home)
            return home
    return None


def _own_folder(folder: Path) -> Path:
    """Return a folder that only this user may write to, made if it is missing."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="emotalk-home-"))
    ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    if ours and not status.st_mode & 0o022:
        return folder
    return Path(tempfile.mkdtemp(prefix="emotalk-home-"))
