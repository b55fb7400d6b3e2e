"""Write GIF files: 256 colours chosen for the clip, a steady dither, no sound."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.stream import VideoStream

from emotalk.files.atomic_write import atomic_path
from emotalk.printable import printable_lines
from emotalk.schema import Bytes

PALETTE_FRAMES = 25  # whose colours are counted
DITHER = "dither=bayer:bayer_scale=4:diff_mode=rectangle"  # the same pattern in every frame
TRAILER = b"\x3b"
COMMENT = b"\x21\xfe"
BLOCK = 255  # bytes of a comment's part


def encode_gif(path: Path, frames_THWC: Iterable[Bytes], *, fps: int, comment: str) -> None:
    """Write a GIF that repeats for ever; the same arguments always give the same bytes.

    Args:
        path: the file; it gets its name when it is complete.
        frames_THWC: uint8 RGB frames, all of one size, read one by one. The 256 colours are those
            of the first second.
        fps: frames a second; GIF counts in hundredths of a second, so 25 and 50 are exact.
        comment: stored in the file.

    Raises:
        ValueError: no frames.
    """
    frames = iter(frames_THWC)
    first = list(islice(frames, PALETTE_FRAMES))
    if not first:
        raise ValueError("encode_gif: no frames")
    with atomic_path(path) as partial:
        with av.open(f"file:{partial}", "w", format="gif", options={"loop": "0"}) as output:
            _write(output, chain(first, frames), _palette(first, fps), fps)
        with partial.open("r+b") as file:
            file.seek(-len(TRAILER), 2)
            file.write(_comment(comment) + TRAILER)


def read_comment(path: Path, *, longest: int = 100_000) -> str:
    """Return the comment at the end of a GIF that `encode_gif` wrote, empty where there is none."""
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(-min(longest, file.tell()), 2)
        tail = file.read()
    start = tail.rfind(COMMENT)
    parts, at = [], start + len(COMMENT)
    while start >= 0 and at < len(tail) and tail[at]:
        parts.append(tail[at + 1 : at + 1 + tail[at]])
        at += 1 + tail[at]
    return b"".join(parts).decode("utf-8", "replace")


def _palette(frames: list[Bytes], fps: int) -> av.VideoFrame:
    graph = Graph()
    source = _source(graph, frames[0], fps)
    chosen, sink = graph.add("palettegen", "reserve_transparent=0"), graph.add("buffersink")
    source.link_to(chosen)
    chosen.link_to(sink)
    graph.configure()
    for frame in frames:
        source.push(_as_video(frame))
    source.push(None)
    palette = sink.pull()
    assert isinstance(palette, av.VideoFrame)
    return palette


def _write(
    output: OutputContainer, frames: Iterator[Bytes], palette: av.VideoFrame, fps: int
) -> None:
    first = next(frames)
    stream = output.add_stream("gif", rate=fps)
    assert isinstance(stream, VideoStream)
    stream.height, stream.width = first.shape[:2]
    stream.pix_fmt = "pal8"
    graph = Graph()
    source = _source(graph, first, fps)
    colours = graph.add_buffer(
        width=palette.width,
        height=palette.height,
        format=palette.format,
        time_base=Fraction(1, fps),
    )
    mapped, sink = graph.add("paletteuse", DITHER), graph.add("buffersink")
    source.link_to(mapped, 0, 0)
    colours.link_to(mapped, 0, 1)
    mapped.link_to(sink)
    graph.configure()
    palette.pts = 0
    colours.push(palette)
    colours.push(None)
    for index, frame in enumerate(chain([first], frames)):
        source.push(_as_video(frame, index))
        for shown in _pulled(sink):
            output.mux(stream.encode(shown))
    source.push(None)
    for shown in _pulled(sink):
        output.mux(stream.encode(shown))
    output.mux(stream.encode(None))


def _source(graph: Graph, frame: Bytes, fps: int) -> FilterContext:
    height, width = frame.shape[:2]
    return graph.add_buffer(
        width=width, height=height, format=av.VideoFormat("rgb24"), time_base=Fraction(1, fps)
    )


def _as_video(frame: Bytes, index: int = 0) -> av.VideoFrame:
    video = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
    video.pts = index
    return video


def _pulled(sink: FilterContext) -> Iterator[av.VideoFrame]:
    while True:
        try:
            frame = sink.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        assert isinstance(frame, av.VideoFrame)
        yield frame


def _comment(text: str) -> bytes:
    content = printable_lines(text).encode("utf-8", "replace")
    parts = (content[at : at + BLOCK] for at in range(0, len(content), BLOCK))
    return COMMENT + b"".join(bytes([len(part)]) + part for part in parts) + b"\x00"
