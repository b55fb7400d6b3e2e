"""Read all frames of a long video once, in order, past damaged ones."""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, pairwise, repeat
from pathlib import Path

import av

from emotalk.media.container import READING_ERRORS, open_media, unreadable, video_stream
from emotalk.media.frame_rgb import RgbConverter
from emotalk.media.frame_times import decode_frames, presentation_time
from emotalk.media.frames import VideoFrames
from emotalk.schema import Bytes


@dataclass(frozen=True)
class ScannedFrame:
    """Hold a decoded frame; only the pictures that are asked for are converted."""

    path: Path
    converter: RgbConverter
    frame: av.VideoFrame

    def rgb(self) -> Bytes:
        """Return the frame as a player shows it, uint8 RGB (H, W, 3).

        Raises:
            Rejection: `unreadable` where the picture's shape changes or its colours are unknown.
        """
        try:
            return self.converter.convert(self.frame)
        except READING_ERRORS as error:
            raise unreadable(self.path, error) from None

    def thumbnail(self, side: int) -> Bytes:
        """Return the frame as it is stored, its longer side reduced to `side` pixels, RGB."""
        return self.converter.thumbnail(self.frame, side)


def scan(video: VideoFrames) -> Iterator[ScannedFrame | None]:
    """Yield every frame of a video; None for each that is damaged or lost.

    Raises:
        Rejection: `unreadable` where a frame is damaged and time stamps do not tell which.
    """
    stamps = video.stamps.pts
    known = [stamp for stamp in stamps if stamp is not None]
    if len(known) < len(stamps) or any(a >= b for a, b in pairwise(known)):
        yield from video.decoded(lambda *frame: ScannedFrame(video.path, *frame))
        return
    done = 0
    for index, frame in _whole_frames(video, known):
        yield from repeat(None, index - done)
        yield frame
        done = index + 1
    yield from repeat(None, len(known) - done)


def _whole_frames(video: VideoFrames, stamps: list[int]) -> Iterator[tuple[int, ScannedFrame]]:
    """Yield the frames that are whole, each with its index by its time stamp.

    From a damaged or lost frame on, those up to the next key frame may refer to it: they count as
    damaged too.
    """
    index, damaged = 0, False
    with suppress(*READING_ERRORS), open_media(video.path) as container:
        stream = video_stream(container)
        converter = RgbConverter(stream.sample_aspect_ratio)
        frames = decode_frames(container, stream, skip_damage=True)
        for frame in islice(frames, video.stamps.hidden, None):
            stamp = presentation_time(frame.pts, container)
            if stamp is None or frame.is_corrupt:
                damaged = True
                continue
            place = bisect_left(stamps, stamp, lo=index)
            damaged = (damaged or place > index) and not frame.key_frame
            index = place
            if index < len(stamps) and stamps[index] == stamp:
                index += 1
                if not damaged:
                    yield index - 1, ScannedFrame(video.path, converter, frame)
