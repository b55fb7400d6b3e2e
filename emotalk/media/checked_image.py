"""Values of an image file's header, and the part of the file that a decoder needs."""

from dataclasses import dataclass

MAX_PROFILE = 16 * 2**20


@dataclass(frozen=True)
class CheckedImage:
    """Checked input of an image decoder.

    Attributes:
        format: Pillow's name of the format.
        data: the part of the file that the decoder needs.
        width: in pixels, as stored.
        height: in pixels, as stored.
        bytes_per_pixel: of the pixels as stored.
        orientation: EXIF's number, 1 to 8; see `emotalk.media.orientation`.
        deep: 16 bits a colour, of which Pillow would keep 8.
        profile: the ICC profile where it was decompressed here; else the decoder gives it.
    """

    format: str
    data: bytes
    width: int
    height: int
    bytes_per_pixel: int
    orientation: int = 1
    deep: bool = False
    profile: bytes | None = None
