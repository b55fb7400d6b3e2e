"""Recordings of others: their table clips.csv, and the names of files and folders."""

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Literal

from tests.fuzz.mutate import TEXTS, Random, change_bytes, change_text
from tests.fuzz.surface import Door, Surface

TABLE = """clip,actor,emotion,level,text
anna/one.mp4,anna,happy,HI,"Good morning, all"
anna/two.mp4,anna,neutral,,
ben/three.mov,ben,angry,0.4,Stop
"""


def _table(folder: Path) -> Door:
    from emotalk.config.etl import EtlConfig
    from emotalk.errors import WrongUse
    from etl.job.plan import make_plan

    source = folder / "source"
    for name in ("anna/one.mp4", "anna/two.mp4", "ben/three.mov"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(b"no film")
    config = EtlConfig(corpus="folder", source=str(source), output=folder / "out")

    def make(rng: Random) -> bytes:
        lines = TABLE.splitlines(keepends=True)
        if rng.random() < 0.3:
            cells = [rng.choice((*TEXTS, "happy", "anna/one.mp4", "0.5")) for _ in range(5)]
            lines.append(",".join(cells) + "\n")
        text = change_text("".join(lines), rng)
        data = text.encode(rng.choice(("utf-8", "utf-8", "utf-16", "utf-8-sig")), "surrogatepass")
        return change_bytes(data, rng) if rng.random() < 0.3 else data

    def enter(data: bytes) -> None:
        (source / "clips.csv").write_bytes(data)
        make_plan(config)

    return Door(make, enter, (WrongUse,))


def _names(
    corpus: Literal["crema_d", "mead"], root: str, names: tuple[str, ...], folder: Path
) -> Door:
    from emotalk.config.etl import EtlConfig
    from emotalk.errors import WrongUse
    from etl.job.plan import make_plan

    source = folder / "source"
    config = EtlConfig(corpus=corpus, source=str(source), output=folder / "out")

    def make(rng: Random) -> list[bytes]:
        made = []
        for name in rng.sample(names, rng.randint(1, len(names))):
            changed = change_text(name, rng) if rng.random() < 0.7 else name
            data = changed.encode("utf-8", "surrogatepass" if rng.random() < 0.1 else "replace")
            made.append(change_bytes(data, rng) if rng.random() < 0.2 else data)
        return made

    def enter(made: list[bytes]) -> None:
        shutil.rmtree(source, ignore_errors=True)
        (source / root).mkdir(parents=True)
        for name in made:
            inside = [part[:200] for part in name.replace(b"\0", b"").split(b"/")]
            parts = [part for part in inside if part not in (b"", b".", b"..")]
            if not parts:
                continue
            path = os.path.join(os.fsencode(source / root), *parts)
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "ab"):
                    pass
            except OSError:
                continue  # a name that no file can have here
        plan = make_plan(config)
        assert all(
            part.encode("utf-8") for clip in plan.clips.values() for part in (clip.label.clip,)
        )

    return Door(make, enter, (WrongUse,))


CREMA_D = (
    "1001_IEO_ANG_HI.flv",
    "1001_DFA_NEU_XX.flv",
    "1002_TIE_SAD_LO.flv",
    "._1002_TIE_SAD_LO.flv",
    "1076_MTI_NEU_XX.flv",
    "notes.txt",
)
MEAD = (
    "M003/video/front/angry/level_3/001.mp4",
    "M003/audio/angry/level_3/001.m4a",
    "M003/video/front/neutral/level_1/002.mp4",
    "W009/video/left_30/sad/level_2/030.mp4",
    "M003_front_happy_level_1_004.mp4",
)
SURFACES = (
    Surface("clips.csv", 10_000, _table),
    Surface("names CREMA-D", 6000, partial(_names, "crema_d", "VideoFlash", CREMA_D)),
    Surface("names MEAD", 6000, partial(_names, "mead", ".", MEAD)),
)
