"""Write manifest and indexes of a corpus of CREMA-D's size, all that a loader reads at first."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from emotalk.schema import FORMAT_VERSION

CLIPS = 7442
TABLE = "crema_d/SentenceFilenames.csv"
EMOTIONS = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral",
            "SAD": "sadness"}  # fmt: skip
SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI")
BYTES_A_FRAME = 4400  # of video, sound and landmarks
HEADER = 512


def crema_d_keys(shared: Path) -> tuple[list[str], str]:
    """Return CREMA-D's 7442 keys and where they come from: its own table, or made in its form."""
    table = shared / "data" / TABLE
    if table.exists():
        with table.open(newline="") as file:
            return sorted(row["Filename"] for row in csv.DictReader(file)), "CREMA-D's own table"
    names = [
        f"{actor}_{sentence}_{emotion}_{level}"
        for actor in range(1001, 1092)
        for sentence in SENTENCES
        for emotion in EMOTIONS
        for level in ("XX", "HI")
    ]
    return sorted(names[:CLIPS]), "made in CREMA-D's form"


def write_corpus_index(folder: Path, keys: list[str], *, seed: int = 0) -> Path:
    """Write the manifest and indexes of `keys` in ragged shards, the tars as holes of their size.

    Lengths are spread as CREMA-D's: 2.5 s in the middle, from 1.3 to 5 s.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    frames = random.normal(64, 12, len(keys)).clip(32, 125).astype(int).tolist()
    shards: list[dict[str, Any]] = []
    begin = 0
    while begin < len(keys):
        end = begin + int(random.integers(1, 101))
        part = list(zip(keys[begin:end], frames[begin:end], strict=True))
        shards.append(_write_shard(folder, f"train-{len(shards):06d}", part, random))
        begin = end
    (folder / "manifest.json").write_text(json.dumps({"format": FORMAT_VERSION, "shards": shards}))
    return folder


def _write_shard(
    folder: Path, stem: str, part: list[tuple[str, int]], random: np.random.Generator
) -> dict[str, Any]:
    samples, offset = [], 0
    for key, frames in part:
        members = {}
        for name, share in (("mp4", 0.75), ("flac", 0.1), ("landmarks.npy", 0.15)):
            size = int(frames * BYTES_A_FRAME * share * random.uniform(0.8, 1.2))
            members[name] = (offset + HEADER, size)
            offset += HEADER + -(-size // HEADER) * HEADER
        emotion = EMOTIONS[key.split("_")[2]]
        samples.append({"key": key, "frames": frames, "actor": key[:4], "emotion": emotion,
                        "members": members})  # fmt: skip
    with (folder / f"{stem}.tar").open("wb") as tar:
        tar.truncate(offset + 2 * HEADER)
    index = json.dumps({"format": FORMAT_VERSION, "samples": samples}).encode()
    (folder / f"{stem}.index.json").write_bytes(index)
    return {
        "file": f"{stem}.tar", "split": "train", "samples": len(part),
        "frames": sum(frames for _, frames in part), "bytes": offset + 2 * HEADER,
        "sha256": "0" * 64, "index_sha256": hashlib.sha256(index).hexdigest(),
    }  # fmt: skip
