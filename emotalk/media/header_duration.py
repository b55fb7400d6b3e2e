"""Read a file's duration from its header or index.

FFmpeg gives a duration for nearly every file. Without one in the file it divides the size by a bit
rate, which is wrong by any factor for an MP3 with a variable rate or for raw AAC. Such an estimate
is not used: a file must not be rejected for ending before it.
"""

import struct
from collections.abc import Callable
from pathlib import Path

import av
from av.container import InputContainer

from emotalk.media.riff import riff_chunks

HEAD_BYTES = 2**17  # part of the file that is searched
EACH_STREAM = ("mov,mp4,m4a,3gp,3g2,mj2", "avi")  # have a duration of each stream
UNKNOWN_TICKS = (2**31 - 1, 2**32 - 1, 2**63 - 1)  # MP4's values for "unknown"
PLAIN_WAV = (b"\1\0", b"\3\0", b"\6\0", b"\7\0", b"\xfe\xff")  # PCM, float, A- and mu-law
UNKNOWN_WAV_BYTES = 2**31 - 2**16  # this and more mean "unknown"
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ASF_FLAGS_AT, ASF_BROADCAST = 88, 1  # bytes after it; a broadcast has no valid duration
MATROSKA_DURATION = (b"\x44\x89\x84", b"\x44\x89\x88")  # a float, a double
MP3_INDEX = (b"Xing", b"Info", b"VBRI")
MP3_FRAME_BYTES = 2048  # the longest frame has 1441; the first one holds the index
ID3_BYTES = 10


def header_file_s(container: InputContainer, path: Path) -> float | None:
    """Return the duration of the file by its header in seconds, or None.

    It counts from the first time stamp; most writers count from 0 even if that is later.
    """
    if container.duration is None or not _has_duration(container.format.name, path):
        return None
    start = max(0, container.start_time or 0)
    known = [(container.duration - start) / av.time_base]
    videos = container.streams.video
    if container.format.name == "avi" and videos and videos[0].average_rate:
        # The number of frames is right for a truncated file, too.
        known.append(float(videos[0].frames / videos[0].average_rate))
    if container.format.name == "wav":
        known.append(_wav_s(path) or 0.0)  # FFmpeg uses the size of the file instead
    return max(known) if max(known) > 0 else None


def header_sound_s(container: InputContainer, stream: av.AudioStream) -> float | None:
    """Return the duration of the audio stream by its own header in seconds, or None."""
    if stream.duration is None or stream.duration in UNKNOWN_TICKS or stream.time_base is None:
        return None
    if container.format.name not in EACH_STREAM:
        return None
    return float(stream.duration * stream.time_base)


def _has_duration(format_name: str, path: Path) -> bool:
    """Return whether a file of this format has its duration in the header."""
    in_header = IN_HEADER.get(format_name)
    if in_header is None:
        return False
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if format_name == "mp3":
            file.seek(_after_tag(head))
            head = file.read(MP3_FRAME_BYTES)
        return in_header(head)


def _always(_: bytes) -> bool:
    return True


def _matroska(head: bytes) -> bool:
    return any(mark in head for mark in MATROSKA_DURATION)


def _flv(head: bytes) -> bool:
    """Return whether the script tag holds a duration; that of a live stream is 0."""
    at = head.find(b"duration\0")
    value = head[at + 9 : at + 17]
    return at >= 0 and len(value) == 8 and struct.unpack(">d", value)[0] > 0


def _asf(head: bytes) -> bool:
    at = head.find(ASF_PROPERTIES)
    flags = head[at + ASF_FLAGS_AT : at + ASF_FLAGS_AT + 1]
    return at >= 0 and bool(flags) and not flags[0] & ASF_BROADCAST


def _wav_s(path: Path) -> float | None:
    """Return the duration of uncompressed WAV sound by its `data` chunk, or None.

    A program that writes to a pipe does not know the size and writes 0 or about the largest number.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head[:4] != b"RIFF":
        return None
    bytes_a_second = 0
    for kind, start, length in riff_chunks(head):
        if kind == b"fmt " and head[start : start + 2] in PLAIN_WAV:
            bytes_a_second = int.from_bytes(head[start + 8 : start + 12], "little")
        elif kind == b"data":
            known = 0 < length < UNKNOWN_WAV_BYTES and bytes_a_second > 0
            return length / bytes_a_second if known else None
    return None


def _after_tag(head: bytes) -> int:
    """Return the offset of an MP3's first frame, after a tag of up to megabytes."""
    if not head.startswith(b"ID3") or len(head) < ID3_BYTES:
        return 0
    size = 0
    for byte in head[6:ID3_BYTES]:
        size = size << 7 | byte & 0x7F
    return ID3_BYTES + size


def _mp3(first_frame: bytes) -> bool:
    return any(mark in first_frame for mark in MP3_INDEX)


IN_HEADER: dict[str, Callable[[bytes], bool]] = {
    "mov,mp4,m4a,3gp,3g2,mj2": _always,
    "matroska,webm": _matroska,
    "flv": _flv,
    "avi": _always,
    "asf": _asf,
    "wav": _always,
    "w64": _always,
    "aiff": _always,
    "caf": _always,
    "flac": _always,  # FFmpeg gives none where the header has none
    "ape": _always,
    "tta": _always,
    "mp3": _mp3,
}
