"""Read a shard set with WebDataset's own loader, without this project's code."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
import webdataset


def read(shards: str, split: str) -> Iterator[dict[str, Any]]:
    """Yield the samples of a split once, in an order of WebDataset's, their members decoded."""
    tars = sorted(map(str, Path(shards).glob(f"{split}-*.tar")))
    for sample in webdataset.WebDataset(tars, shardshuffle=len(tars), seed=0).shuffle(256, seed=0):
        with av.open(io.BytesIO(sample["mp4"])) as video:
            sample["mp4"] = np.stack([f.to_ndarray(format="rgb24") for f in video.decode(video=0)])
        sample["flac"], _ = soundfile.read(io.BytesIO(sample["flac"]), dtype="float32")
        sample["landmarks.npy"] = np.load(io.BytesIO(sample["landmarks.npy"]), allow_pickle=False)
        sample["json"] = json.loads(sample["json"])
        yield sample
