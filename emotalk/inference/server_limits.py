"""Define the limits of the web server, for each browser and for all together."""

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class ServerLimits:
    """Limits of size, number and time; the server refuses what exceeds them.

    Attributes:
        upload_bytes: size of one picture or recording.
        order_bytes: size of any other request.
        upload_s: time from an upload's first byte to its last.
        stall_s: time without a byte of a request, its first line included.
        uploads: number of simultaneous uploads.
        connections: number of open connections.
        kept_files: number of kept uploads; the oldest one without a waiting order is dropped first.
        kept_bytes: size of all kept uploads.
        waiting: number of orders behind the one in work.
        kept_videos: number of kept videos; the oldest is dropped first.
        sound_s: length of the speech of one order.
        abandoned_s: time without a request for an order's progress after which it is cancelled.
    """

    upload_bytes: int = 200 * MIB
    order_bytes: int = 64 * 2**10
    upload_s: float = 600.0
    stall_s: float = 20.0
    uploads: int = 8
    connections: int = 200
    kept_files: int = 80
    kept_bytes: int = 4096 * MIB
    waiting: int = 8
    kept_videos: int = 40
    sound_s: float = 600.0
    abandoned_s: float = 300.0

    def __str__(self) -> str:
        """Return the limits as a sentence for users."""
        return (
            f"{self.upload_bytes // MIB} MiB a file, {self.sound_s / 60:g} minutes of speech, "
            f"{self.uploads} uploads at once, each within {self.upload_s / 60:g} minutes and "
            f"without a pause of {self.stall_s:g} s, {self.waiting} orders waiting; an order "
            f"whose progress nobody requests for {self.abandoned_s / 60:g} minutes is cancelled"
        )


DEFAULT_LIMITS = ServerLimits()
