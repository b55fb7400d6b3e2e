"""Define the names of a shard set's files and of a sample's members."""

import re

from emotalk.schema import SPLITS

MANIFEST_NAME = "manifest.json"
REJECTED_NAME = "rejected.jsonl"
MEASURES_NAME = "measures.jsonl"
PICTURES_NAME = "rejected_pictures.jsonl"
REPORT_NAME = "report.html"
SHARD_FILE = re.compile(rf"({'|'.join(SPLITS)})-\d{{6}}\.(tar|index\.json)")

VIDEO_MEMBERS = ("mp4",)
AUDIO_MEMBERS = ("flac", "wav")
LANDMARKS_MEMBER = "landmarks.npy"
NEUTRAL_MEMBER = "neutral.png"
JSON_MEMBER = "json"


def tar_name(split: str, number: int) -> str:
    """Return the name of a split's tar: `train-000000.tar`."""
    return f"{split}-{number:06d}.tar"


def index_name(tar: str) -> str:
    """Return the name of a tar's index file: `train-000000.tar` -> `train-000000.index.json`."""
    return tar.removesuffix(".tar") + ".index.json"


def is_shard_file(name: str) -> bool:
    """Return whether the ETL gives such a name to a tar or an index."""
    return SHARD_FILE.fullmatch(name) is not None
