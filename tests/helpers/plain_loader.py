"""Load clips plainly, as the original's loader does, to time the project's loader beside it.

Decoded frames lie on disk uncompressed, one folder a clip; a window is copied out of them, changed
by its transforms on the CPU, scaled to [-1, 1] frame by frame, and given a blurred mouth map for
each frame. numpy's memory-mapped arrays stand for its HDF5 files, and the OpenCV calls that
Albumentations makes for Albumentations. Where it might do less work than the original, this does
less: one field of noise a clip, no clip that is drawn in vain.

Source: Eskimez et al. 2021, `datagen.py`.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.utils.data import Dataset

from emotalk.schema import EMOTIONS, SAMPLES_PER_FRAME, SIZE, Bytes
from emotalk.shards.clip import read_window
from emotalk.shards.reader import SampleReader
from emotalk.shards.shard_set import ShardSet

MOUTH = slice(48, 68)
SIGMA = 9.0
Item = tuple[Tensor, Tensor, Tensor, Tensor]
Change = Callable[[Bytes], Bytes]


def write_plain_clips(shards: str, folder: Path, *, longer_than: int) -> Path:
    """Write training clips of a shard set decoded, as the original's preparation leaves them."""
    shard_set = ShardSet.open(shards)
    reader = SampleReader(shard_set)
    for sample in shard_set.split("train").samples:
        if sample.frames <= longer_than:
            continue
        clip = read_window(reader, sample, start=0, frames=sample.frames, extras=())
        target = folder / sample.key
        target.mkdir(parents=True)
        np.save(target / "video.npy", np.ascontiguousarray(clip.video_THWC))
        np.save(target / "landmarks.npy", clip.landmarks_TLP.astype(np.int64))
        np.save(target / "speech.npy", clip.audio_S)
    return folder


class PlainClips(Dataset[Item]):
    """Read windows of the clips of `write_plain_clips`: speech, video, mouth maps, emotion."""

    def __init__(self, folder: Path, frames: int) -> None:
        """List the clips."""
        self.clips = sorted(folder.iterdir())
        self.frames = frames
        self.random = np.random.default_rng(0)

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.clips)

    def __getitem__(self, index: int) -> Item:
        """Return a random window of a clip."""
        folder, frames = self.clips[index], self.frames
        stored = np.load(folder / "video.npy", mmap_mode="r")
        start = int(self.random.integers(len(stored) - frames))
        video = np.array(stored[start : start + frames])
        landmarks = np.load(folder / "landmarks.npy", mmap_mode="r")[start : start + frames, MOUTH]
        for change in self._draw():
            video = np.stack([change(frame) for frame in video])
        normal = torch.stack([torch.from_numpy(_normal(frame)) for frame in video])
        maps = np.stack([_mouth_map(centre) for centre in np.mean(landmarks, axis=1)])
        speech = np.load(folder / "speech.npy")
        speech = speech / np.abs(speech).max()
        window = speech[start * SAMPLES_PER_FRAME : (start + frames) * SAMPLES_PER_FRAME]
        one_hot = np.eye(len(EMOTIONS), dtype=np.float32)[index % len(EMOTIONS)]
        return (
            torch.from_numpy(window[None]),
            normal,
            torch.from_numpy(maps),
            torch.from_numpy(one_hot),
        )

    def _draw(self) -> list[Change]:
        """Return the transforms drawn for a clip, each with its probability; four in five clips."""
        random = self.random
        if random.random() > 0.8:
            return []
        levels = np.arange(256.0)
        tones = random.uniform(-0.2, 0.2, 4)
        shifts = random.uniform(-20, 20, 3)
        order = random.permutation(3).tolist()
        noise = random.normal(0, np.sqrt(random.uniform(10, 50)), (SIZE, SIZE, 3))
        clahe = cv2.createCLAHE(random.uniform(1, 4), (8, 8))
        candidates: list[tuple[float, Change]] = [
            (0.2, _by_table(levels * (1 + tones[0]) + 255 * tones[1])),
            (0.2, _by_table(255 * (levels / 255) ** random.uniform(0.8, 1.2))),
            (0.2, lambda frame: _equalised(frame, clahe)),
            (0.2, _hsv_shift(*random.uniform((-20, -50, -50), (20, 50, 50)))),
            (0.2, lambda frame: np.ascontiguousarray(frame[..., order])),
            (0.2, _by_table(levels[:, None] + shifts)),
            (0.2, _by_table(levels + 255 * tones[2])),
            (0.2, _by_table(levels * (1 + tones[3]))),
            (0.25, lambda frame: np.clip(frame + noise, 0, 255).astype(np.uint8)),
        ]
        return [change for chance, change in candidates if random.random() < chance]


def _by_table(levels: np.ndarray) -> Change:
    table = np.clip(levels, 0, 255).astype(np.uint8)
    table = np.broadcast_to(table.reshape(256, 1, -1), (256, 1, 3)).copy()
    return lambda frame: np.asarray(cv2.LUT(frame, table), np.uint8)


def _equalised(frame: Bytes, clahe: cv2.CLAHE) -> Bytes:
    lab = cv2.cvtColor(frame, cv2.COLOR_RGB2LAB)
    lab[..., 0] = clahe.apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)


def _hsv_shift(hue: float, saturation: float, value: float) -> Change:
    levels = np.arange(256.0)
    shifts = np.stack([(levels + hue) % 180, levels + saturation, levels + value], axis=1)
    table = np.clip(shifts, 0, 255).astype(np.uint8).reshape(256, 1, 3)

    def shifted(frame: Bytes) -> Bytes:
        hsv = cv2.LUT(cv2.cvtColor(frame, cv2.COLOR_RGB2HSV), table)
        return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)

    return shifted


def _normal(frame: Bytes) -> np.ndarray:
    scaled = (frame.astype(np.float32) - np.float32(127.5)) * np.float32(1 / 127.5)
    return np.moveaxis(scaled, 2, 0)


def _mouth_map(centre: np.ndarray) -> np.ndarray:
    point = np.zeros((SIZE, SIZE))
    x, y = np.clip(centre.astype(int), 0, SIZE - 1)
    point[y, x] = 1
    blurred = gaussian_filter(point, SIGMA)
    return np.asarray(blurred / blurred.max())
