"""List the files of a clip, and notice when one of them changes."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from emotalk.config.etl import EtlConfig
from emotalk.faces.backends.sidecar import sidecar_files
from emotalk.files.checksums import file_sha256
from etl.corpora.listing import SourceClip
from etl.corpora.media_file import MediaFile, check_reachable, stamp

STAMP_BITS = 62


def files_of(clip: SourceClip, config: EtlConfig) -> tuple[MediaFile, ...]:
    """Return the clip's video, sound, word times and side-car landmarks, present or not."""
    beside = (clip.audio, clip.words)
    files: list[MediaFile] = [clip.video, *(file for file in beside if file is not None)]
    if config.landmarks.backend == "sidecar" and isinstance(clip.video, Path):
        source = Path(config.source).expanduser()
        folder = source / config.landmarks.sidecar
        files += sidecar_files(clip.video, folder, source=source)
    return tuple(files)


def stamp_of(clip: SourceClip, config: EtlConfig) -> tuple[int, int]:
    """Return two numbers that change when any of a clip's files does, without opening them."""
    stamps = [stamp(file) for file in files_of(clip, config)]
    if len(stamps) == 1:
        return stamps[0]
    digest = hashlib.sha256(repr(stamps).encode()).digest()
    return sum(size for size, _ in stamps), int.from_bytes(digest[:8], "big") >> (64 - STAMP_BITS)


def content_digest(clip: SourceClip, config: EtlConfig) -> str:
    """Return a digest of the content of a clip's files; the same on every machine.

    For a file at a URL, size and tag are used instead of the content.
    """
    parts = [_content(file) for file in files_of(clip, config)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def digest_unless_changed(item: tuple[SourceClip, tuple[int, int]], config: EtlConfig) -> str:
    """Return `content_digest` of a clip; empty if its stamp is not the given one any more.

    Raises:
        SourceLost: this machine cannot reach the source.
    """
    clip, source = item
    digest = content_digest(clip, config) if stamp_of(clip, config) == source else ""
    check_reachable(config.source)  # or else every file seems to have changed
    return digest


def sha256_of(file: Path) -> str:
    """Return a file's sha256 in hex; of the last files it is remembered until they change.

    So the file of a recording is read once for all of its stretches.
    """
    return _sha256(file, stamp(file))


@lru_cache(maxsize=16)
def _sha256(file: Path, _stamp: tuple[int, int]) -> str:
    return file_sha256(file)


def changed_since(files: Sequence[MediaFile], time_ns: int) -> bool:
    """Return whether a file on disk was written, moved or linked to after a point in time."""
    times = [_change_ns(file) for file in files if isinstance(file, Path)]
    return any(time > time_ns for time in times)


def is_replaced(file: MediaFile, sha256: str, time_ns: int) -> bool:
    """Return whether a file on disk has other content than it had at a point in time.

    It is read only if it was written after that.
    """
    if not isinstance(file, Path) or not changed_since([file], time_ns):
        return False
    return file.is_file() and sha256_of(file) != sha256


def _content(file: MediaFile) -> str:
    if not isinstance(file, Path):
        return repr(stamp(file))
    try:
        return sha256_of(file) if file.is_file() else "not there"
    except OSError as error:
        return f"errno {error.errno}"


def _change_ns(file: Path) -> int:
    """Return when the file or a link to it changed, in ns; 0 if unknown."""
    times = []
    for follow in (True, False):
        try:
            times.append(file.stat(follow_symlinks=follow).st_ctime_ns)
        except OSError:
            continue
    return max(times, default=0)
