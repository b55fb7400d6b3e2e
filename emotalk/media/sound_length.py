"""Find out without decoding whether a recording is too long."""

from pathlib import Path

from emotalk.media.container import READING_ERRORS, open_media, sound_stream

PACKETS_WITHOUT_TIME = 100_000  # of a stream without time stamps: half an hour in most codecs


def is_longer_than(path: Path, max_s: float) -> bool:
    """Return whether a file holds more than `max_s` seconds of sound, gaps included.

    Packets are counted up to the limit, whatever the headers say. A file that cannot be read counts
    as short: decoding it will raise the error.
    """
    try:
        with open_media(path) as container:
            stream = sound_stream(container)
            base = float(stream.time_base or 0)
            lasted_s, first_s, unknown = 0.0, None, 0
            for packet in container.demux(stream):
                begins_s = None if packet.pts is None else packet.pts * base
                first_s = begins_s if first_s is None else first_s
                lasted_s += (packet.duration or 0) * base
                unknown += begins_s is None and not packet.duration
                reached_s = 0.0 if begins_s is None or first_s is None else begins_s - first_s
                if max(lasted_s, reached_s) > max_s or unknown > PACKETS_WITHOUT_TIME:
                    return True
    except (*READING_ERRORS, StopIteration):
        return False
    return False
