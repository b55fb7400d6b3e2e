"""Undo the wraparound of time stamps."""

FLV = "flv"
FLV_PERIOD = 2**31  # milliseconds; writers drop the sign, so -160 reads as 2^31 - 160


def unwrap_timestamp(stamp: int, format_name: str) -> int:
    """Return a time stamp, in the container's time base, without wraparound.

    FFmpeg undoes that of MPEG streams (33 bits). FLV's 31 bits cover 24 days: the upper half are
    times before 0.
    """
    if format_name != FLV:
        return stamp
    return (stamp + FLV_PERIOD // 2) % FLV_PERIOD - FLV_PERIOD // 2
