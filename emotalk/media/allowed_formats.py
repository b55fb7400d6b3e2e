"""Define the formats that FFmpeg may read.

FFmpeg recognises a file's format by its content. Playlists, scripts and image patterns (HLS, DASH,
ffconcat, SDP, image2) make it open other files and addresses, so none of them is on the list. No
protocol is allowed, so a reference inside an allowed format (an MP4 may name another file for its
data) cannot be opened.
"""

from typing import Any

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "flv", "kux", "avi", "mpegts", "mpeg", "ogg", "asf",
    "gif", "apng", "mxf", "nut", "rm", "dv", "ivf", "amv",
)  # fmt: skip
SOUND = (  # without time stamps: each sample follows the one before
    "wav", "w64", "aiff", "caf", "au", "mp3", "aac", "loas", "ac3", "eac3", "dts", "flac", "ape",
    "tta", "tak", "wv", "amr", "amrnb", "amrwb", "voc", "sox", "dsf", "oma", "qcp", "gsm",
)  # fmt: skip
# Video streams without a container have no time stamps. They are opened to be rejected by name.
BARE_PICTURES = ("mpegvideo", "m4v", "h264", "hevc", "obu")

MAX_PIXELS = 2**26  # of a frame: 8192 x 8192; checked before memory is allocated

# Arguments of `av.open` for every file and member from outside.
READ_SAFELY: dict[str, Any] = {
    "container_options": {
        "format_whitelist": ",".join(CONTAINERS + SOUND + BARE_PICTURES),
        "protocol_whitelist": "none",
    },
    "metadata_errors": "replace",
}
