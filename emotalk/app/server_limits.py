"""Define the limits of the web server, for each browser and for all together."""

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class ServerLimits:
    """Limits of size, number and time; the server refuses what exceeds them."""

    upload_bytes: int = 200 * MIB  # one picture or recording
    order_bytes: int = 64 * 2**10  # any other request
    upload_s: float = 600.0  # from an upload's first byte to its last
    stall_s: float = 20.0  # without a byte of a request, its first line included
    uploads: int = 8  # at once
    connections: int = 200  # open at once
    kept_files: int = 80  # the oldest one without a waiting order is dropped first
    kept_bytes: int = 4096 * MIB  # all kept uploads
    waiting: int = 8  # orders behind the one in work
    kept_videos: int = 40  # the oldest is dropped first
    sound_s: float = 600.0  # speech of one order
    abandoned_s: float = 300.0  # without a request for its progress, an order is cancelled

    def __str__(self) -> str:
        """Return the limits as a sentence for users."""
        return (
            f"{self.upload_bytes // MIB} MiB a file, {self.sound_s / 60:g} minutes of speech, "
            f"{self.uploads} uploads at once, each within {self.upload_s / 60:g} minutes and "
            f"without a pause of {self.stall_s:g} s, {self.waiting} orders waiting; the "
            "order of a page that is closed is cancelled"
        )


DEFAULT_LIMITS = ServerLimits()
