"""Recordings of others: their tables, the names of files and folders, the text beside them."""

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
WORDS = """word,start,end
bin,0.1,0.35
blue,0.35,0.6
"at, now",1.25e0,2
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


def _words(folder: Path) -> Door:
    from emotalk.schema import Rejection
    from etl.clip.words import read_words

    def make(rng: Random) -> bytes:
        data = change_text(WORDS, rng).encode("utf-8", "surrogatepass")
        return change_bytes(data, rng) if rng.random() < 0.5 else data

    def enter(data: bytes) -> None:
        path = folder / "a.words.csv"
        path.write_bytes(data)
        times = read_words(path)
        times.check_end(3.0)
        assert all(0 <= word.start <= word.end <= 3.0 for word in times.within(0.2, 75))

    return Door(make, enter, (Rejection,))


def _new_table(folder: Path) -> Door:
    """Open the guess of labels: whatever the names, the ETL takes the table that is written."""
    from emotalk.config.etl import EtlConfig
    from emotalk.errors import WrongUse
    from etl.corpora import list_clips
    from etl.corpora.new_table import label_options, write_table
    from etl.job.plan import check_keys

    source = folder / "source"
    config = EtlConfig(corpus="folder", source=str(source), output=folder / "out")
    options = label_options(actor_from="auto", actor=None, emotion=None, pattern=None)

    def make(rng: Random) -> list[bytes]:
        chosen = rng.sample(OWN, rng.randint(1, len(OWN)))
        names = [change_text(name, rng) if rng.random() < 0.6 else name for name in chosen]
        return [name.encode("utf-8", "surrogatepass") for name in names]

    def enter(names: list[bytes]) -> None:
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir(parents=True)
        _touch(source, names)
        write_table(source, None, options)
        try:
            listing = list_clips(config)
            check_keys(listing.clips)
        except WrongUse as error:
            raise AssertionError("the ETL refuses the table") from error
        assert all(isinstance(c.video, Path) and c.video.is_file() for c in listing.clips)

    return Door(make, enter, (WrongUse,))


def _touch(folder: Path, names: list[bytes]) -> None:
    """Make the files of these names that there can be."""
    for name in names:
        inside = [part[:200] for part in name.replace(b"\0", b"").split(b"/")]
        parts = [part for part in inside if part not in (b"", b".", b"..")]
        if not parts:
            continue
        path = os.path.join(os.fsencode(folder), *parts)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "ab"):
                pass
        except OSError:
            continue  # a name that no file can have here


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
        _touch(source / root, made)
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
OWN = (
    "anna/happy_01.mp4",
    "anna/sad-low 2.mov",
    "anna/happy_01.txt",
    "bo_angry_level3.mkv",
    "take 7/1001_IEO_ANG_HI.flv",
    "a_b.mp4",
    "a/b.mp4",
)
SURFACES = (
    Surface("clips.csv", 10_000, _table),
    Surface("words.csv", 6000, _words),
    Surface("names own", 5000, _new_table),
    Surface("names CREMA-D", 6000, partial(_names, "crema_d", "VideoFlash", CREMA_D)),
    Surface("names MEAD", 6000, partial(_names, "mead", ".", MEAD)),
)
