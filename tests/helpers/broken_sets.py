"""Write shard sets that are broken in one place, each with the message that must name it."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers.shard_set import (
    MadeClip,
    Members,
    made_clips,
    made_members,
    rewrite_index,
    rewrite_manifest,
    write_shard_set,
)

Spoil = Callable[[Path], object]
STEM = "train-000000"
CLIPS = [replace(clip, frames=6 + number) for number, clip in enumerate(made_clips(3))]
KEY = CLIPS[0].key


def whole_members(clip: MadeClip) -> Members:
    """Return members that `inspect` finds nothing wrong with."""
    facts = {"clip": clip.key, "frames": clip.frames}
    return _encoded(clip) | {"json": json.dumps(facts).encode()}


@cache
def _encoded(clip: MadeClip) -> Members:
    return made_members(clip)


def whole_set(folder: Path, change: Callable[[Members], object] = lambda members: None) -> Path:
    """Write a set of two tars with nothing wrong but what `change` does to the first sample."""

    def members(clip: MadeClip) -> Members:
        made = whole_members(clip)
        if clip.key == KEY:
            change(made)
        return made

    write_shard_set(folder, [("train", CLIPS[:2]), ("val", CLIPS[2:])], members_of=members)
    (folder / "rejected.jsonl").touch()
    return folder


def members(change: Callable[[Members], object]) -> Spoil:
    """Write the set anew with the first sample's members changed; hashes fit."""
    return lambda folder: whole_set(folder, change)


def member(name: str, data: bytes | Callable[[bytes], bytes]) -> Spoil:
    """Replace the content of one member of the first sample; hashes fit."""
    return members(
        lambda made: made.update({name: data if isinstance(data, bytes) else data(made[name])})
    )


def index(change: Callable[[dict[str, Any]], object]) -> Spoil:
    """Change the first entry of the index; hashes fit."""
    return lambda folder: rewrite_index(folder, STEM, lambda tree: change(tree["samples"][0]))


def index_bytes(data: bytes | Callable[[bytes], bytes]) -> Spoil:
    """Replace the whole index; its hash fits."""

    def spoil(folder: Path) -> None:
        path = folder / f"{STEM}.index.json"
        path.write_bytes(data if isinstance(data, bytes) else data(path.read_bytes()))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rewrite_manifest(folder, lambda tree: tree["shards"][0].update(index_sha256=digest))

    return spoil


def tar_bytes(change: Callable[[bytearray], object]) -> Spoil:
    """Change bytes of the first tar; size and hash fit."""

    def spoil(folder: Path) -> None:
        data = bytearray((folder / f"{STEM}.tar").read_bytes())
        change(data)
        (folder / f"{STEM}.tar").write_bytes(data)
        facts = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        rewrite_manifest(folder, lambda tree: tree["shards"][0].update(facts))

    return spoil


def tar_member(info: tarfile.TarInfo, data: bytes = b"") -> Spoil:
    """Put one more entry at the end of the first tar; size and hash fit."""

    def add(tar: bytearray) -> None:
        stream = io.BytesIO(bytes(tar))
        with tarfile.open(fileobj=stream, mode="a") as archive:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        tar[:] = stream.getvalue()

    return tar_bytes(add)


def entry(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    """Return the header of a special tar entry."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def manifest(change: Callable[[dict[str, Any]], object]) -> Spoil:
    """Change the manifest."""
    return lambda folder: rewrite_manifest(folder, change)


def manifest_bytes(data: bytes) -> Spoil:
    """Replace the manifest."""
    return lambda folder: (folder / "manifest.json").write_bytes(data)


def shard(**facts: object) -> Spoil:
    """Change the manifest's entry of the first tar."""
    return manifest(lambda tree: tree["shards"][0].update(facts))


def file(name: str, data: bytes) -> Spoil:
    """Write a file of the set."""
    return lambda folder: (folder / name).write_bytes(data)


def instead(name: str, make: Callable[[Path], object]) -> Spoil:
    """Put something else in the place of a file."""

    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return spoil


def npy(array: np.ndarray) -> bytes:
    """Return a .npy file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npy_header(text: bytes, body: bytes = b"") -> bytes:
    """Return a .npy file with this very header."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


def _two_keys(folder: Path) -> None:
    rewrite_index(folder, STEM, lambda tree: tree["samples"][1].update(key=CLIPS[2].key))


FRAMES = CLIPS[0].frames
# name -> (what is broken, words of the line that names it)
BROKEN: dict[str, tuple[Spoil, str]] = {
    # members of a sample
    "json garbage": (member("json", b"\xff{"), "member json: not valid JSON"),
    "json empty": (member("json", b""), "member json: not valid JSON"),
    "json list": (member("json", b"[]"), "member json: a JSON list"),
    "json deep": (member("json", b'{"frames":' + b"[" * 100_000), "member json: not valid JSON"),
    "json digits": (member("json", b'{"frames": ' + b"9" * 5000 + b"}"), "member json: not valid"),
    "json frames missing": (member("json", b"{}"), "says None frames, the index says 6"),
    "json frames text": (member("json", b'{"frames": "\\u001b[2J"}'), r"says '\x1b[2J' frames"),
    "json frames nan": (member("json", b'{"frames": NaN}'), "says nan frames"),
    "npy garbage": (member("landmarks.npy", b"garbage"), "landmarks.npy: not an array file"),
    "npy empty": (member("landmarks.npy", b""), "landmarks.npy: not an array file"),
    "npy cut": (member("landmarks.npy", lambda d: d[:-4]), "is not as its header says"),
    "npy longer": (member("landmarks.npy", lambda d: d + b"1"), "is not as its header says"),
    "npy pickle": (
        member("landmarks.npy", npy(np.array([["a"]], object))), "not an array file of real",
    ),
    "npy other shape": (member("landmarks.npy", npy(np.zeros((6, 68, 3), "f4"))), "(6, 68, 3)"),
    "npy integers": (member("landmarks.npy", npy(np.zeros((6, 68, 2), "i4"))), "not an array"),
    "npy nan": (
        member("landmarks.npy", npy(np.full((6, 68, 2), np.nan, "f4"))), "not finite numbers",
    ),
    "npy far away": (
        member("landmarks.npy", npy(np.full((6, 68, 2), 1e30, "f4"))), "px from the crop",
    ),
    "npy backtracking": (
        member(
            "landmarks.npy",
            npy_header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"1" * 60 + b"X"),
        ),
        "not an array file",
    ),
    "npy of petabytes": (
        member(
            "landmarks.npy",
            npy_header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999,), }\n"),
        ),
        "is not as its header says",
    ),
    "npy endless header": (
        member("landmarks.npy", npy_header(b"(" * 65_000)), "not an array file",
    ),
    "video garbage": (member("mp4", b"garbage"), "member mp4: the video cannot be decoded"),
    "video empty": (member("mp4", b""), "member mp4: the video cannot be decoded"),
    "video cut": (member("mp4", lambda d: d[: len(d) // 2]), "member mp4: the video"),
    "video of another clip": (
        members(lambda m: m.update(mp4=whole_members(CLIPS[1])["mp4"])), "has more than 6 frames",
    ),
    "video is sound": (members(lambda m: m.update(mp4=m["flac"])), "member mp4: the video"),
    "video is a still": (members(lambda m: m.update(mp4=m["neutral.png"])), "member mp4: the"),
    "sound garbage": (member("flac", b"garbage"), "member flac: the sound cannot be decoded"),
    "sound empty": (member("flac", b""), "member flac: the sound cannot be decoded"),
    "sound cut": (member("flac", lambda d: d[: len(d) // 2]), "member flac: the sound"),
    "sound is video": (members(lambda m: m.update(flac=m["mp4"])), "member flac: the sound"),
    "still garbage": (member("neutral.png", b"garbage"), "neutral.png: the image cannot be"),
    "still cut": (member("neutral.png", lambda d: d[: len(d) // 2]), "chunk b'IDAT' announces"),
    "still of another size": (
        member("neutral.png", lambda d: d[:16] + b"\0\0\1\0" + d[20:]), "image is 256 x 128",
    ),
    "no json": (members(lambda m: m.pop("json")), ""),
    "no video": (members(lambda m: m.pop("mp4")), "lacks video (mp4)"),
    "no sound": (members(lambda m: m.pop("flac")), "lacks sound (flac or wav)"),
    "no landmarks": (members(lambda m: m.pop("landmarks.npy")), "lacks landmarks"),
    # the tar
    "tar missing": (lambda f: (f / f"{STEM}.tar").unlink(), f"{STEM}.tar: missing"),
    "tar cut": (lambda f: os.truncate(f / f"{STEM}.tar", 4096), "4096 bytes, the manifest says"),
    "tar empty": (lambda f: os.truncate(f / f"{STEM}.tar", 0), "0 bytes, the manifest says"),
    "tar is a folder": (instead(f"{STEM}.tar", Path.mkdir), "no file but a folder"),
    "tar is a pipe": (instead(f"{STEM}.tar", os.mkfifo), "no file but a folder, pipe"),
    "tar is a loop": (
        instead(f"{STEM}.tar", lambda p: p.symlink_to(p.name)), f"{STEM}.tar: ",
    ),
    "tar is a device": (
        instead(f"{STEM}.tar", lambda p: p.symlink_to("/dev/zero")), "no file but a folder, pipe",
    ),
    "tar of noise": (
        tar_bytes(lambda d: d.__setitem__(slice(0, 600), b"\xa5" * 600)), "no header of a member",
    ),
    "tar of zeros": (tar_bytes(lambda d: d.__setitem__(slice(0, len(d)), bytes(len(d)))), "not as"),
    "tar with a negative size": (
        tar_bytes(lambda d: d.__setitem__(slice(124, 136), b"\xff" * 12)), "no header of a member",
    ),
    "tar with another name": (
        tar_bytes(lambda d: d.__setitem__(slice(0, 4), b"\x1b[2J")), "no header of a member",
    ),
    "tar with a hard link": (
        tar_member(entry("x.json", tarfile.LNKTYPE, f"{KEY}.json")), "'x.json' at byte",
    ),
    "tar with a link": (
        tar_member(entry("x.json", tarfile.SYMTYPE, "/etc/passwd")), "is no plain file",
    ),
    "tar with a device": (tar_member(entry("x.mp4", tarfile.CHRTYPE)), "is no plain file"),
    "tar with a pipe": (tar_member(entry("x.mp4", tarfile.FIFOTYPE)), "is no plain file"),
    "tar with a folder": (tar_member(entry("x", tarfile.DIRTYPE)), "is no plain file"),
    "tar with an absolute name": (
        tar_member(tarfile.TarInfo("/etc/passwd"), b"root"), "'/etc/passwd' not as indexed",
    ),
    "tar with a name of escapes": (
        tar_member(tarfile.TarInfo("\x1b]0;x\x07.json"), b"{}"), r"'\x1b]0;x\x07.json' not as",
    ),
    "tar with a member twice": (
        tar_member(tarfile.TarInfo(f"{KEY}.json"), b"{}"), "is in it more than once",
    ),
    # the index
    "index missing": (
        lambda f: (f / f"{STEM}.index.json").unlink(), f"{STEM}.index.json: missing",
    ),
    "index is a folder": (instead(f"{STEM}.index.json", Path.mkdir), "Is a directory"),
    "index is a pipe": (instead(f"{STEM}.index.json", os.mkfifo), "is a pipe or device"),
    "index is a device": (
        instead(f"{STEM}.index.json", lambda p: p.symlink_to("/dev/zero")), "is a pipe or device",
    ),
    "index garbage": (index_bytes(b"\xff\xfe"), "index.json: not valid JSON"),
    "index empty": (index_bytes(b""), "index.json: not valid JSON"),
    "index deep": (index_bytes(b"[" * 100_000), "index.json: not valid JSON"),
    "index list": (index_bytes(b"[]"), "index.json: format None"),
    "index samples missing": (
        index_bytes(b'{"format": "emotalk-shards/1"}'), "samples: Field required",
    ),
    "index cut": (index_bytes(lambda d: d[:100]), "index.json: not valid JSON"),
    "emotion of half a letter": (index(lambda s: s.update(emotion="\ud800")), r"'\ud800' is no em"),
    "emotion unknown": (index(lambda s: s.update(emotion="joy")), "'joy' is no emotion: anger"),
    "emotion a list": (index(lambda s: s.update(emotion=["anger"])), "got ['anger']"),
    "emotion missing": (index(lambda s: s.pop("emotion")), "samples.0.emotion: Field required"),
    "actor of escapes": (index(lambda s: s.update(actor="\x1b[31m")), r"'\x1b[31m' is no actor"),
    "actor of half a letter": (index(lambda s: s.update(actor="a\udfff")), "is no actor's name"),
    "actor a number": (index(lambda s: s.update(actor=7)), "samples.0.actor: Input should be"),
    "actor endless": (index(lambda s: s.update(actor="a" * 100_000)), "is no actor's name"),
    "key of escapes": (index(lambda s: s.update(key="a\x9b2J")), "is not a key"),
    "key a path": (index(lambda s: s.update(key="../a")), "is not a key"),
    "key endless": (index(lambda s: s.update(key="k" * 300)), "is not a key"),
    "key of another": (index(lambda s: s.update(key="other")), "not as indexed"),
    "key twice in a tar": (
        lambda f: rewrite_index(f, STEM, lambda t: t["samples"][1].update(key=KEY)),
        "more than once",
    ),
    "key twice in the set": (_two_keys, "keys occur more than once (1, e.g. clip0002)"),
    "frames zero": (index(lambda s: s.update(frames=0)), "frames: Input should be greater"),
    "frames infinite": (index(lambda s: s.update(frames=float("inf"))), "a finite number"),
    "frames too many": (index(lambda s: s.update(frames=2**40)), "frames: Input should be less"),
    "frames of a line": (index(lambda s: s.update(frames="\n")), "valid integer"),
    "frames more": (index(lambda s: s.update(frames=FRAMES + 1)), "the manifest says 2 with 13"),
    "intensity beyond": (index(lambda s: s.update(intensity=7)), "less than or equal to 1"),
    "intensity nan": (index(lambda s: s.update(intensity=float("nan"))), "a finite number"),
    "members a list": (index(lambda s: s.update(members=[1])), "members: Input should be a valid"),
    "members none": (index(lambda s: s.update(members={})), "not as indexed"),
    "member name of escapes": (
        index(lambda s: s["members"].update({"\x1b[": [512, 4]})), "String should match pattern",
    ),
    "offset negative": (index(lambda s: s["members"]["mp4"].__setitem__(0, -1)), "greater than"),
    "offset beyond": (index(lambda s: s["members"]["mp4"].__setitem__(0, 2**80)), "would end at"),
    "offset odd": (index(lambda s: s["members"]["mp4"].__setitem__(0, 513)), "cannot begin at"),
    "size beyond": (index(lambda s: s["members"]["mp4"].__setitem__(1, 2**50)), "would end at"),
    "size of text": (index(lambda s: s["members"]["mp4"].__setitem__(1, "big")), "valid integer"),
    "place of three": (index(lambda s: s["members"].update(mp4=[512, 1, 1])), "at most 2 items"),
    "overlapping": (
        index(lambda s: s["members"].update(flac=s["members"]["mp4"])), "cannot begin at byte",
    ),
    # the list of rejected clips, and what lies beside
    "rejected missing": (lambda f: (f / "rejected.jsonl").unlink(), "rejected.jsonl: missing"),
    "rejected is a folder": (instead("rejected.jsonl", Path.mkdir), "jsonl: cannot be read: Is a"),
    "rejected is a pipe": (instead("rejected.jsonl", os.mkfifo), "rejected.jsonl: is a pipe"),
    "rejected garbage": (file("rejected.jsonl", b"\xff\x1b[2J\n"), "1 lines are no objects"),
    "rejected too many": (
        file("rejected.jsonl", b'{"clip": "a", "reason": "silent", "detail": ""}\n'), "0 and 1",
    ),
    "a tar of escapes": (file("\x1b[2J.tar", b""), r"\x1b[2J.tar: not in manifest.json"),
    # the manifest
    "manifest of bytes": (manifest_bytes(b"\xff\xfe\x00"), "manifest.json: not valid JSON"),
    "manifest empty": (manifest_bytes(b""), "manifest.json: not valid JSON"),
    "manifest deep": (manifest_bytes(b'{"a":' * 100_000), "manifest.json: not valid JSON"),
    "manifest is a folder": (instead("manifest.json", Path.mkdir), "manifest.json"),
    "manifest is a pipe": (instead("manifest.json", os.mkfifo), "is a pipe or device"),
    "manifest is a device": (
        instead("manifest.json", lambda p: p.symlink_to("/dev/zero")), "is a pipe or device",
    ),
    "manifest format": (
        manifest(lambda t: t.update(format="\x1b]0;owned\x07")), r"format '\x1b]0;owned\x07'",
    ),
    "mean face of 3": (manifest(lambda t: t.update(mean_face=[[1, 2]] * 3)), "at least 68 items"),
    "mean face nan": (
        manifest(lambda t: t.update(mean_face=[[float("nan"), 2]] * 68)), "a finite number",
    ),
    "mean face of text": (manifest(lambda t: t.update(mean_face="face")), "mean_face"),
    "mean face of triples": (manifest(lambda t: t.update(mean_face=[[1, 2, 3]] * 68)), "mean_face"),
    "split unknown": (shard(split="\x1b[2J"), r"'\x1b[2J' is no split: train, val, test"),
    "hash of another form": (shard(sha256="abc"), "sha256: String should match pattern"),
    "hash a number": (shard(index_sha256=1), "index_sha256: Input should be a valid string"),
    "tar name a path": (shard(file="../../etc/x.tar"), "is not the name of a .tar"),
    "tar name of escapes": (shard(file="\x1b.tar"), "is not the name of a .tar"),
    "bytes negative": (shard(bytes=-1), "bytes: Input should be greater"),
    "bytes endless": (shard(bytes=10**400), "bytes: Input should be less"),
    "samples of text": (shard(samples="2"), "samples: Input should be a valid integer"),
    "samples more": (shard(samples=3), "lists 2 samples"),
    "shards a number": (manifest(lambda t: t.update(shards=3)), "shards: Input should be"),
    "clips of text": (manifest(lambda t: t.update(clips={"found": "many"})), "clips.found"),
    "clips do not add up": (
        manifest(lambda t: t["clips"].update(found=9)), "clips found is not accepted + rejected",
    ),
    "reason of escapes": (
        manifest(lambda t: t.update(rejected_by_reason={"\x1b[2J": 0})), "rejected_by_reason",
    ),
    "splits a list": (manifest(lambda t: t.update(splits=["train"])), "splits: Input should be"),
    "split facts a number": (manifest(lambda t: t.update(splits={"train": 3})), "splits.train"),
    "split of text": (
        manifest(lambda t: t.update(splits={"train": {"samples": "\x1b"}})), r"has '\x1b' samples",
    ),
    "split actors": (
        manifest(lambda t: t.update(splits={"train": {"samples": 2, "actors": 7}})),
        "split train: its actors are not those",
    ),
}  # fmt: skip
