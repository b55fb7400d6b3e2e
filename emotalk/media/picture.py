"""A picture file that was looked through, not yet decoded."""

from dataclasses import dataclass

LARGEST_PROFILE = 16 * 2**20


@dataclass(frozen=True)
class Picture:
    """Input of a picture decoder, with what its header tells already.

    Attributes:
        format: Pillow's name of the only format that it may be decoded as.
        data: the file without what a decoder needs not see.
        width: in pixels, as stored.
        height: in pixels, as stored.
        bytes_per_pixel: of the pixels as stored.
        orientation: EXIF's number, 1 to 8; see `emotalk.media.orientation`.
        deep: more than 8 bits of each colour, which Pillow would cut down.
        profile: the ICC profile where it had to be unpacked; else the decoder gives it.
    """

    format: str
    data: bytes
    width: int
    height: int
    bytes_per_pixel: int
    orientation: int = 1
    deep: bool = False
    profile: bytes | None = None
