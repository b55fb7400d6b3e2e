"""Limits on what one browser, and all of them together, may take of a server."""

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class ServerLimits:
    """Bounds on size, number and time; what is beyond is refused, never waited for.

    Attributes:
        upload_bytes: of one picture or recording.
        order_bytes: of any other request.
        upload_s: from an upload's first byte to its last.
        stall_s: without a byte of a request, its first line included.
        uploads: that come in at once.
        connections: open at once.
        kept_files: uploads kept for orders; the oldest one that none waits for goes first.
        kept_bytes: of them together.
        waiting: orders that wait behind the one in work.
        kept_videos: finished ones; the oldest goes first.
        sound_s: of the speech of one order.
        abandoned_s: after which an order that nobody asks after is given up.
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
        """Return the limits as a user reads them."""
        return (
            f"{self.upload_bytes // MIB} MiB a file, {self.sound_s / 60:g} minutes of speech, "
            f"{self.uploads} uploads at once, each within {self.upload_s / 60:g} minutes and "
            f"without a pause of {self.stall_s:g} s, {self.waiting} orders waiting; an order that "
            f"nobody asks after for {self.abandoned_s / 60:g} minutes is given up"
        )


USUAL = ServerLimits()
