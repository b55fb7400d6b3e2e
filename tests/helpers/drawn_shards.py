"""Write a small shard set of drawn faces without Ray, for tests of what reads shards."""

import hashlib
import io
import json
import tarfile
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from emotalk.faces.align import alignment, warp
from emotalk.faces.shape import transform_points
from emotalk.media.encode import encode_video
from emotalk.media.resample import resample
from emotalk.schema import (
    FORMAT_VERSION,
    FPS,
    NEUTRAL,
    SAMPLE_RATE,
    SAMPLES_PER_FRAME,
    Bytes,
    Floats,
)
from emotalk.shards.names import index_name
from emotalk.synthetic.actor import FIRST_NUMBER, make_actor
from emotalk.synthetic.clip import CLIP_FPS, plan_clip
from emotalk.synthetic.voice import VOICE_RATE


@dataclass(frozen=True)
class DrawnClip:
    """One clip as the ETL would align it."""

    frames_THWC: Bytes
    landmarks_TLP: Floats
    speech_S: Floats


def drawn_clip(
    seed: int, number: int, sentence: str, emotion: str, *, frames: int = 40, begin: int = 0
) -> DrawnClip:
    """Return the aligned clip of an actor (0, 1, ...) at level HI, 25 frames a second.

    Args:
        seed: of the corpus.
        number: of the actor.
        sentence: CREMA-D's code.
        emotion: a name.
        frames: how many.
        begin: first frame, at 25 frames a second; alignment is by the clip's first all the same.
    """
    plan = plan_clip(make_actor(seed, FIRST_NUMBER + number), sentence, emotion, "HI", seed)
    places = np.round(np.arange(begin, begin + frames) / FPS * float(CLIP_FPS)).astype(int)
    transform = alignment(plan.landmarks_TLP[0])
    drawn = dict(enumerate(plan.frames()))
    speech = resample(plan.audio_S, VOICE_RATE, SAMPLE_RATE)[begin * SAMPLES_PER_FRAME :]
    return DrawnClip(
        frames_THWC=np.stack([warp(drawn[place], transform) for place in places]),
        landmarks_TLP=transform_points(transform, plan.landmarks_TLP[places]).astype(np.float32),
        speech_S=np.clip(speech[: frames * SAMPLES_PER_FRAME], -1, 1).astype(np.float32),
    )


def write_shard_set(
    folder: Path,
    clips: Mapping[tuple[int, str, str], DrawnClip],
    *,
    split: str = "test",
    without_still: Sequence[int] = (),
) -> Path:
    """Write clips, keyed by (actor, sentence, emotion), as one shard of `split`; return the folder.

    Args:
        folder: made if it is not there.
        clips: what to store.
        split: the only split of the set.
        without_still: actors whose clips get no neutral still.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tar_name = f"{split}-000000.tar"
    stills = {actor: c.frames_THWC[0] for (actor, _, e), c in clips.items() if e == NEUTRAL}
    with tarfile.open(folder / tar_name, "w") as tar:
        for (actor, sentence, emotion), clip in clips.items():
            still = None if actor in without_still else stills.get(actor)
            key = f"{FIRST_NUMBER + actor}_{sentence}_{emotion}"
            for member, data in _members(key, actor, sentence, emotion, clip, still).items():
                info = tarfile.TarInfo(f"{key}.{member}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    _write_index(folder, tar_name, split)
    return folder


def _members(
    key: str, actor: int, sentence: str, emotion: str, clip: DrawnClip, still: Bytes | None
) -> dict[str, bytes]:
    members = {
        "mp4": _mp4(clip.frames_THWC),
        "wav": _wav(clip.speech_S),
        "landmarks.npy": _npy(clip.landmarks_TLP),
        "json": json.dumps(
            {
                "clip": key,
                "actor": str(FIRST_NUMBER + actor),
                "emotion": emotion,
                "intensity": 1.0,
                "frames": len(clip.frames_THWC),
                "sentence": sentence,
            }
        ).encode(),
    }
    if still is not None:
        members["neutral.png"] = cv2.imencode(".png", still[:, :, ::-1])[1].tobytes()
    return members


def _write_index(folder: Path, tar_name: str, split: str) -> None:
    samples: dict[str, dict[str, object]] = {}
    with tarfile.open(folder / tar_name) as tar:
        for info in tar:
            key, member = info.name.split(".", 1)
            entry = samples.setdefault(key, {"key": key, "members": {}})
            entry["members"][member] = (info.offset_data, info.size)  # type: ignore[index]
            if member == "json":
                stored = tar.extractfile(info)
                assert stored is not None
                facts = json.load(stored)
                entry |= {name: facts[name] for name in ("frames", "actor", "emotion", "intensity")}
    index = json.dumps({"format": FORMAT_VERSION, "samples": list(samples.values())}).encode()
    (folder / index_name(tar_name)).write_bytes(index)
    tar_bytes = (folder / tar_name).read_bytes()
    shard = {
        "file": tar_name,
        "split": split,
        "samples": len(samples),
        "frames": sum(int(str(entry["frames"])) for entry in samples.values()),
        "bytes": len(tar_bytes),
        "sha256": hashlib.sha256(tar_bytes).hexdigest(),
        "index_sha256": hashlib.sha256(index).hexdigest(),
    }
    (folder / "manifest.json").write_text(json.dumps({"format": FORMAT_VERSION, "shards": [shard]}))


def _mp4(frames_THWC: Bytes) -> bytes:
    stream = io.BytesIO()
    options = {"crf": "10", "preset": "veryfast", "g": "8"}
    encode_video(stream, frames_THWC, fps=Fraction(FPS), pixel_format="yuv444p", options=options)
    return stream.getvalue()


def _wav(speech_S: Floats) -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE)
        writer.writeframes((speech_S * 32767).round().astype("<i2").tobytes())
    return stream.getvalue()


def _npy(landmarks: Floats) -> bytes:
    stream = io.BytesIO()
    np.save(stream, landmarks, allow_pickle=False)
    return stream.getvalue()
