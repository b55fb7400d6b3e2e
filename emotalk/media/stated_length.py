"""Read a file's length from its own index.

FFmpeg tells a length for nearly every file, but where nothing states one it divides the size by a
bit rate: of an MP3 with a variable rate or of bare AAC that is wrong by any factor. What is
estimated is no promise, so it cannot be broken.
"""

import struct
from collections.abc import Callable
from pathlib import Path

import av
from av.container import InputContainer

HEAD_BYTES = 2**17  # where the lengths stand in the formats that are looked into
EACH_STREAM = ("mov,mp4,m4a,3gp,3g2,mj2", "avi")  # state the length of every stream
UNKNOWN_TICKS = (2**31 - 1, 2**32 - 1, 2**63 - 1)  # as MP4 writes "not known"
PLAIN_WAV = (b"\1\0", b"\3\0", b"\6\0", b"\7\0", b"\xfe\xff")  # PCM, float, A- and mu-law
UNKNOWN_WAV_BYTES = 2**31 - 2**16  # and more: "not known", as signed or unsigned numbers
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ASF_FLAGS_AT, ASF_BROADCAST = 88, 1  # bytes after it; a broadcast's lengths mean nothing
MATROSKA_DURATION = (b"\x44\x89\x84", b"\x44\x89\x88")  # a float, a double
MP3_INDEX = (b"Xing", b"Info", b"VBRI")
MP3_FRAME_BYTES = 2048  # the longest frame has 1441; the index stands in the first
ID3_BYTES = 10


def stated_file_s(container: InputContainer, path: Path) -> float | None:
    """Return how long the container's index says the file is, or None where it does not.

    Counted from the first moment on: where the times begin late, most writers count from 0.
    """
    if container.duration is None or not states_length(container.format.name, path):
        return None
    start = max(0, container.start_time or 0)
    known = [(container.duration - start) / av.time_base]
    pictures = container.streams.video
    if container.format.name == "avi" and pictures and pictures[0].average_rate:
        known.append(float(pictures[0].frames / pictures[0].average_rate))  # also of a cut one
    if container.format.name == "wav":
        known.append(_wav_s(path) or 0.0)  # FFmpeg looks at what is left of the file instead
    return max(known) if max(known) > 0 else None


def stated_sound_s(container: InputContainer, stream: av.AudioStream) -> float | None:
    """Return how long the audio stream is by its own entry in the index, or None."""
    if stream.duration is None or stream.duration in UNKNOWN_TICKS or stream.time_base is None:
        return None
    if container.format.name not in EACH_STREAM:
        return None
    return float(stream.duration * stream.time_base)


def states_length(format_name: str, path: Path) -> bool:
    """Return whether a file of this format has an index with its length."""
    states = STATES.get(format_name)
    if states is None:
        return False
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if format_name == "mp3":
            file.seek(_after_tag(head))
            head = file.read(MP3_FRAME_BYTES)
        return states(head)


def _always(_: bytes) -> bool:
    return True


def _matroska(head: bytes) -> bool:
    return any(mark in head for mark in MATROSKA_DURATION)


def _flv(head: bytes) -> bool:
    """Return whether the script tag says a duration; that of a live stream is 0."""
    at = head.find(b"duration\0")
    value = head[at + 9 : at + 17]
    return at >= 0 and len(value) == 8 and struct.unpack(">d", value)[0] > 0


def _asf(head: bytes) -> bool:
    at = head.find(ASF_PROPERTIES)
    flags = head[at + ASF_FLAGS_AT : at + ASF_FLAGS_AT + 1]
    return at >= 0 and bool(flags) and not flags[0] & ASF_BROADCAST


def _wav_s(path: Path) -> float | None:
    """Return how long uncompressed WAV sound is by its `data` chunk, or None where it does not say.

    Whoever writes to a pipe cannot know the length and states 0 or about the largest number.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head[:4] != b"RIFF":
        return None
    place, bytes_a_second = 12, 0
    while place + 8 <= len(head):
        kind, length = (
            head[place : place + 4],
            int.from_bytes(head[place + 4 : place + 8], "little"),
        )
        if kind == b"fmt " and head[place + 8 : place + 10] in PLAIN_WAV:
            bytes_a_second = int.from_bytes(head[place + 16 : place + 20], "little")
        elif kind == b"data":
            known = 0 < length < UNKNOWN_WAV_BYTES and bytes_a_second > 0
            return length / bytes_a_second if known else None
        place += 8 + length + length % 2
    return None


def _after_tag(head: bytes) -> int:
    """Return where an MP3's first frame is: its tag, with pictures, may be megabytes long."""
    if not head.startswith(b"ID3") or len(head) < ID3_BYTES:
        return 0
    size = 0
    for byte in head[6:ID3_BYTES]:
        size = size << 7 | byte & 0x7F
    return ID3_BYTES + size


def _mp3(first_frame: bytes) -> bool:
    return any(mark in first_frame for mark in MP3_INDEX)


STATES: dict[str, Callable[[bytes], bool]] = {
    "mov,mp4,m4a,3gp,3g2,mj2": _always,
    "matroska,webm": _matroska,
    "flv": _flv,
    "avi": _always,
    "asf": _asf,
    "wav": _always,
    "w64": _always,
    "aiff": _always,
    "caf": _always,
    "flac": _always,  # FFmpeg tells none where the head has none
    "ape": _always,
    "tta": _always,
    "mp3": _mp3,
}
