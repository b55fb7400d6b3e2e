"""Write small shard sets of made-up pictures and sounds without the ETL.

Every frame tells which one it is: its brightness is `frame_level(frame)`.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile

from emotalk.media.encode import encode_video
from emotalk.schema import (
    EMOTIONS,
    FORMAT_VERSION,
    LANDMARKS,
    SAMPLE_RATE,
    SAMPLES_PER_FRAME,
    SIZE,
    Bytes,
    Floats,
)

Members = dict[str, bytes]


@dataclass(frozen=True)
class MadeClip:
    """Hold the content of the made-up clip of a key."""

    key: str
    frames: int
    actor: str
    emotion: str | None
    intensity: float | None
    neutral: bool = True


def frame_level(frame: int) -> int:
    """Return the grey level of a frame: neighbours differ by 12."""
    return 20 + (frame * 12) % 200


def made_video(clip: MadeClip) -> Bytes:
    """Return (T, H, W, 3) frames whose level counts them."""
    video = np.zeros((clip.frames, SIZE, SIZE, 3), np.uint8)
    for frame in range(clip.frames):
        video[frame] = frame_level(frame)
    return video


def made_audio(clip: MadeClip) -> Floats:
    """Return sound whose sample at frame f is about f / 200, peak 0.5 or less."""
    steps = np.repeat(np.arange(clip.frames) % 100, 320) / 200
    return steps.astype(np.float32)


def made_landmarks(clip: MadeClip) -> Floats:
    """Return (T, 68, 2) landmarks: x is the frame, y the point."""
    points = np.zeros((clip.frames, LANDMARKS, 2), np.float32)
    points[..., 0] = np.arange(clip.frames)[:, None]
    points[..., 1] = np.arange(LANDMARKS)
    return points


def textured_video(clip: MadeClip) -> Bytes:
    """Return (T, H, W, 3) frames about as hard to decode as a talking face."""
    random = np.random.default_rng(clip.frames)
    coarse = random.integers(40, 216, (clip.frames // 12 + 2, 24, 24, 3)).astype(np.float32)
    video = np.zeros((clip.frames, SIZE, SIZE, 3), np.uint8)
    for frame in range(clip.frames):
        at, share = divmod(frame / 12, 1)
        picture = coarse[int(at)] * (1 - share) + coarse[int(at) + 1] * share
        video[frame] = cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    return video


def sound_level(key: str) -> float:
    """Return the level that tells a clip's sound from every other's, by its number below 60."""
    return (int(key[-4:]) + 1) / 64


def told_apart(clip: MadeClip) -> Members:
    """Return the members of a sample whose sound holds one level, `sound_level`."""
    level = np.float32(sound_level(clip.key))
    return made_members(clip, sound=np.full(clip.frames * SAMPLES_PER_FRAME, level))


def made_members(
    clip: MadeClip, video: Bytes | None = None, sound: Floats | None = None
) -> Members:
    """Return the members of a sample in the format's order."""
    members = {
        "mp4": _mp4(made_video(clip) if video is None else video),
        "flac": _flac(made_audio(clip) if sound is None else sound),
        "landmarks.npy": _npy(made_landmarks(clip)),
    }
    if clip.neutral:
        members["neutral.png"] = _png(np.full((SIZE, SIZE, 3), (200, 10, 60), np.uint8))
    members["json"] = json.dumps({"clip": clip.key}).encode()
    return members


def empty_members(clip: MadeClip) -> Members:
    """Return members that nobody will decode: for tests of order."""
    del clip
    return {"mp4": b"v", "flac": b"a", "landmarks.npy": b"l", "neutral.png": b"n", "json": b"{}"}


def made_clips(
    count: int, *, frames: Sequence[int] = (30, 41, 36), prefix: str = ""
) -> list[MadeClip]:
    """Return clips of a few actors, emotions and lengths in turn."""
    intensities = (None, 0.3, 0.6, 1.0)
    return [
        MadeClip(
            key=f"{prefix}clip{number:04d}",
            frames=frames[number % len(frames)],
            actor=f"a{number % 3}",
            emotion=EMOTIONS[number % len(EMOTIONS)],
            intensity=intensities[number % len(intensities)],
        )
        for number in range(count)
    ]


def write_shard_set(
    folder: Path,
    shards: Sequence[tuple[str, Sequence[MadeClip]]],
    *,
    members_of: Callable[[MadeClip], Members] = made_members,
) -> Path:
    """Write tars, indexes and the manifest.

    Args:
        folder: made if missing.
        shards: (split, clips) of each tar, in order.
        members_of: makes a sample's members.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    entries = []
    for split, clips in shards:
        number = counts.setdefault(split, 0)
        counts[split] += 1
        entries.append(_write_shard(folder, f"{split}-{number:06d}", split, clips, members_of))
    total = sum(entry["samples"] for entry in entries)
    manifest = {
        "format": FORMAT_VERSION,
        "config": {},
        "mean_face": None,
        "clips": {"found": total, "accepted": total, "rejected": 0},
        "rejected_by_reason": {},
        "shards": entries,
        "splits": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def rewrite_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Apply `change` to the manifest's tree."""
    path = folder / "manifest.json"
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))


def name_corpus(folder: Path, corpus: str, **config: Any) -> Path:
    """Write the corpus, and other settings of the ETL, into the manifest; return the folder."""
    rewrite_manifest(folder, lambda tree: tree.update(config={"corpus": corpus, **config}))
    return folder


def rewrite_index(folder: Path, stem: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Apply `change` to a shard's index and set its hash in the manifest."""
    path = folder / f"{stem}.index.json"
    tree = json.loads(path.read_text())
    change(tree)
    data = json.dumps(tree).encode()
    path.write_bytes(data)

    def rehash(manifest: dict[str, Any]) -> None:
        for shard in manifest["shards"]:
            if shard["file"] == f"{stem}.tar":
                shard["index_sha256"] = hashlib.sha256(data).hexdigest()

    rewrite_manifest(folder, rehash)


def _write_shard(
    folder: Path,
    stem: str,
    split: str,
    clips: Sequence[MadeClip],
    members_of: Callable[[MadeClip], Members],
) -> dict[str, Any]:
    path = folder / f"{stem}.tar"
    with tarfile.open(path, "w") as tar:
        for clip in clips:
            for suffix, data in members_of(clip).items():
                info = tarfile.TarInfo(f"{clip.key}.{suffix}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    with tarfile.open(path) as tar:
        places = {info.name: (info.offset_data, info.size) for info in tar}
    samples = [
        {
            "key": clip.key,
            "frames": clip.frames,
            "actor": clip.actor,
            "emotion": clip.emotion,
            "intensity": clip.intensity,
            "members": {
                name.partition(".")[2]: place
                for name, place in places.items()
                if name.partition(".")[0] == clip.key
            },
        }
        for clip in clips
    ]
    index = json.dumps({"format": FORMAT_VERSION, "samples": samples}).encode()
    (folder / f"{stem}.index.json").write_bytes(index)
    data = path.read_bytes()
    return {
        "file": path.name,
        "split": split,
        "samples": len(clips),
        "frames": sum(clip.frames for clip in clips),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "index_sha256": hashlib.sha256(index).hexdigest(),
    }


def _mp4(video: Bytes) -> bytes:
    target = io.BytesIO()
    options = {"crf": "10", "preset": "ultrafast", "g": "8", "bf": "0"}
    encode_video(target, video, fps=Fraction(25), pixel_format="yuv444p", options=options)
    return target.getvalue()


def _flac(audio: Floats) -> bytes:
    target = io.BytesIO()
    soundfile.write(target, audio, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return target.getvalue()


def _npy(array: Floats) -> bytes:
    target = io.BytesIO()
    np.save(target, array)
    return target.getvalue()


def _png(image: Bytes) -> bytes:
    return bytes(cv2.imencode(".png", image[:, :, ::-1])[1])
