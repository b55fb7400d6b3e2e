"""The members of a sample: video, sound, landmarks, still, JSON; and side-car landmarks."""

import io
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from tests.fuzz.mutate import Random, any_bytes, change_bytes, change_head, change_json
from tests.fuzz.surface import Door, Surface


def _member(name: str, folder: Path) -> Door:
    from emotalk.shards.clip import read_window
    from emotalk.shards.reader import DataFault, SampleReader
    from emotalk.shards.sample_table import Sample
    from emotalk.shards.shard_set import ShardSet
    from tests.helpers.shard_set import (
        made_clips,
        made_members,
        textured_video,
        write_shard_set,
    )

    clip = made_clips(1, frames=(12,))[0]
    whole = made_members(clip, textured_video(clip))
    shard_set = ShardSet.open(str(write_shard_set(folder / "set", [("train", [clip])])))

    class HandedReader(SampleReader):
        """Hands out the case in place of one member, whatever the tar holds."""

        case: bytes

        def read(self, sample: Sample, members: Iterable[str]) -> dict[str, bytes]:
            """Return the members asked for."""
            del sample
            return {member: self.case if member == name else whole[member] for member in members}

    reader = HandedReader(shard_set)
    sample = shard_set.split("train").samples[0]

    def enter(data: bytes) -> None:
        reader.case = data
        for start, frames in ((0, 12), (5, 4)):
            clip = read_window(
                reader, sample, start=start, frames=frames, extras=("neutral.png", "json")
            )
            assert clip.video_THWC.shape == (frames, 128, 128, 3)
            assert clip.landmarks_TLP.shape == (frames, 68, 2)

    return Door(partial(_make, name, whole[name]), enter, (DataFault,))


def _make(name: str, whole: bytes, rng: Random) -> bytes:
    kind = rng.random()
    if name == "json":
        tree: Any = {"clip": "a/b", "frames": 12, "transform": [[1.0, 0.0, 3.5], [0.0, 1.0, 2.5]]}
        return change_json(tree, rng)
    if kind < 0.05:
        return any_bytes(rng)
    if name == "landmarks.npy" and kind < 0.5:
        return _header(rng) + whole[128:]
    change: Callable[[bytes, Random], bytes] = change_bytes if kind < 0.5 else change_head
    return change(whole, rng)


def _header(rng: Random) -> bytes:
    """Return the head of a .npy file with a changed or invented dictionary of any length."""
    number = rng.choice(("12", "0", "-1", "9" * 9, "9" * 4000, "1e3", "True", "(", "12," * 60))
    kind = rng.choice(("<f4", ">f8", "<f2", "O", "|V9", "<U9", "<M8[D]", "<f4" * 40, "\\x00"))
    order = rng.choice(("False", "True", "0", "__import__"))
    text = f"{{'descr': '{kind}', 'fortran_order': {order}, "
    text += f"'shape': ({number}, 68, 2), }}"
    if rng.random() < 0.3:
        text = text.replace(" ", " " * rng.choice((0, 30, 90)))
    if rng.random() < 0.3:
        text = text[: rng.randint(0, len(text))] + "1, " * rng.choice((0, 20, 500))
    data = text.encode("latin-1", "replace")
    version = rng.choice((b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\xff\xff"))
    length = rng.choice((len(data), len(data), 118, 0, 65535))
    size = length.to_bytes(2, "little") if version[0] == 1 else length.to_bytes(4, "little")
    return b"\x93NUMPY" + version + size + data + b"\n"


def _sidecar(folder: Path) -> Door:
    import numpy as np

    from emotalk.faces.backends.sidecar import SidecarLandmarks
    from emotalk.schema import Rejection

    stored = io.BytesIO()
    np.save(stored, np.full((12, 68, 2), 60.0, np.float32))
    whole = stored.getvalue()
    picture = np.zeros((128, 128, 3), np.uint8)
    count = iter(range(10**9))

    def enter(data: bytes) -> None:
        name = f"clip{next(count)}"
        path = folder / f"{name}.npy"
        path.write_bytes(data)
        try:
            finder = SidecarLandmarks(folder)
            finder.detect([picture], clip=Path(f"{name}.mp4"), indices=[3])
        finally:
            path.unlink()

    return Door(partial(_make, "landmarks.npy", whole), enter, (Rejection,))


def _surface(name: str, cases: int, *, media: bool = False) -> Surface:
    return Surface(f"member {name}", cases, partial(_member, name), media)


SURFACES = (
    _surface("json", 15_000),
    _surface("landmarks.npy", 18_000),
    _surface("neutral.png", 8000),
    _surface("flac", 8000),
    _surface("mp4", 6000, media=True),
    Surface("side-car", 6000, _sidecar),
)
