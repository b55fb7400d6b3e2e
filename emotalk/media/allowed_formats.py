"""Allow-list of the formats that FFmpeg may take a file for; it reads nothing but that file.

FFmpeg chooses how to read a file by its content. Play lists, scripts and image patterns (HLS, DASH,
ffconcat, SDP, image2) make it read other files and addresses and hand their sound on: none of them
is on the list. No protocol is allowed either, so that a reference inside an allowed format (an MP4
may name another file for its data) leads nowhere.
"""

from typing import Any

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "flv",
    "kux",
    "avi",
    "mpegts",
    "mpeg",  # program streams: MPG, VOB
    "ogg",
    "asf",
    "gif",
    "apng",
    "mxf",
    "nut",
    "rm",
    "dv",
    "ivf",
    "amv",
)
SOUND = (  # without times of their own: one sample follows the other
    "wav",
    "w64",
    "aiff",
    "caf",
    "au",
    "mp3",
    "aac",
    "loas",
    "ac3",
    "eac3",
    "dts",
    "flac",
    "ape",
    "tta",
    "tak",
    "wv",
    "amr",
    "amrnb",
    "amrwb",
    "voc",
    "sox",
    "dsf",
    "oma",
    "qcp",
    "gsm",
)
# Streams without a container have no times: they are read to be told so by name.
BARE_PICTURES = ("mpegvideo", "m4v", "h264", "hevc", "obu")

MOST_PIXELS = 2**26  # of a frame: 8192 x 8192; more is refused before room is made for it

# Arguments of `av.open` for every file and member that is not ours.
READ_SAFELY: dict[str, Any] = {
    "container_options": {
        "format_whitelist": ",".join(CONTAINERS + SOUND + BARE_PICTURES),
        "protocol_whitelist": "none",
    },
    "metadata_errors": "replace",
}
