"""Mark videos with the request that they were made for, so that a batch knows what is done."""

import hashlib
import json
import re
from pathlib import Path

from emotalk.files.checksums import file_sha256
from emotalk.inference.talking_video import VideoRequest
from emotalk.media.container import READING_ERRORS, open_media
from emotalk.media.gif import read_comment

GIF = ".gif"
MARK = re.compile(r"Request: ([0-9a-f]{64})\.")


def request_mark(request: VideoRequest, model: str) -> str:
    """Return the sha256, in hex, of all that decides a request's video.

    Pictures and recordings count by their content, so that a renamed file changes nothing. Where
    the output lies does not count.

    Args:
        request: the request; its files exist.
        model: what `model_hash` returned.

    Raises:
        OSError: a file cannot be read.
    """
    landmarks = request.landmarks
    decides = {
        "image": file_sha256(request.image),
        "audio": file_sha256(request.audio),
        "emotion": request.emotion,
        "intensity": request.intensity,
        "landmarks": None if landmarks is None else landmarks.model_dump(mode="json"),
        "face": request.face,
        "seed": request.seed,
        "scale": request.scale,
        "paste_back": request.paste_back,
        "long_side": request.long_side,
        "precision": request.precision,
        "model": model,
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def model_hash(folder: Path) -> str:
    """Return the sha256, in hex, of a model folder's description and generator."""
    files = sorted([*folder.glob("generator*.safetensors"), *folder.glob("model.json")])
    lines = [f"{path.name} {file_sha256(path)}" for path in files if "optimizer" not in path.name]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def mark_of(video: Path) -> str | None:
    """Return the mark of a finished video, or None for any other file."""
    try:
        marks = MARK.findall(_comment(video))
    except READING_ERRORS:
        return None
    return marks[-1] if marks else None


def _comment(video: Path) -> str:
    if video.suffix.lower() == GIF:
        return read_comment(video)
    with open_media(video) as container:
        tags = {name.casefold(): value for name, value in container.metadata.items()}
    return tags.get("comment", "")
