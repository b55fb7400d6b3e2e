"""Time stamps that wrapped round, as small numbers again."""

FLV = "flv"
FLV_PERIOD = 2**31  # milliseconds: writers drop the sign, so -160 reads as 2^31 - 160


def unwrapped(stamp: int, format_name: str) -> int:
    """Return a stamp in the container's own time base as the number that its writer meant.

    FFmpeg does so for the 33 bits of MPEG streams. FLV's 31 bits hold 24 days: what lies in the
    upper half of them is a time before 0.
    """
    if format_name != FLV:
        return stamp
    return (stamp + FLV_PERIOD // 2) % FLV_PERIOD - FLV_PERIOD // 2
