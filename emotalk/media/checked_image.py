"""Define the checked input of an image decoder."""

from dataclasses import dataclass

MAX_PROFILE = 16 * 2**20


@dataclass(frozen=True)
class CheckedImage:
    """Checked input of an image decoder; sizes are those of the pixels as stored."""

    format: str  # Pillow's name
    data: bytes  # the part of the file that the decoder needs
    width: int
    height: int
    bytes_per_pixel: int
    orientation: int = 1  # EXIF's number, 1 to 8; see `emotalk.media.orientation`
    deep: bool = False  # 16 bits a colour, of which Pillow would keep 8
    profile: bytes | None = None  # ICC, where it was decompressed here; else the decoder gives it
