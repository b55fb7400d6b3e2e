"""List MEAD: `M003/video/front/angry/level_3/001.mp4`, `M003/audio/angry/level_3/001.m4a`.

Source: Wang et al. 2020, MEAD: A large-scale audio-visual dataset for emotional talking-face
generation. Academic use, no redistribution.
"""

import re
from pathlib import PurePosixPath

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.schema import ClipLabel, Rejection
from etl.corpora.listing import (
    EMOTION_WORDS,
    LEVEL_WORDS,
    VIDEO_SUFFIXES,
    Listing,
    SourceClip,
    printable,
)
from etl.corpora.source import Source, open_source

EMOTIONS = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
VIEWS = ("front", "down", "top", "left_30", "left_60", "right_30", "right_60")
ACTOR, NUMBER = r"(?P<actor>[MW]\d{3})", r"(?P<number>\d{3})"
VIEW, EMOTION = rf"(?P<view>{'|'.join(VIEWS)})", rf"(?P<emotion>{'|'.join(EMOTIONS)})"
PATH = re.compile(
    rf"(?P<above>.*/)?{ACTOR}/(?:video/)?{VIEW}/{EMOTION}/level_(?P<level>[123])/{NUMBER}\.mp4",
    re.ASCII,
)
FLAT = re.compile(
    rf"(?P<above>.*/)?{ACTOR}_(?:{VIEW}_)?{EMOTION}_(?:level_?|L)?(?P<level>[123])_{NUMBER}\.mp4",
    re.ASCII,
)
"""Names of clips copied into one folder; without a view: front."""
LEVEL_PARTS = ("level_", "level", "L", "")


def list_clips(config: EtlConfig) -> Listing:
    """Return the clips of the configured views, labelled by their paths.

    Raises:
        WrongUse: the source holds no clip of MEAD's layout, nested or flat.
    """
    source = open_source(config)
    files = source.files("") or []
    sounds = {name for name in files if name.endswith(".m4a")}
    clips, rejected, left_out = [], [], 0
    for video in files:
        if PurePosixPath(video).suffix.lower() not in VIDEO_SUFFIXES:
            continue
        path = PATH.fullmatch(video) or FLAT.fullmatch(video)
        if path is None:
            rejected.append(_unknown_name(video))
        elif (
            _view(path) not in config.views
            or EMOTION_WORDS[path["emotion"]] not in config.emotion_names
        ):
            left_out += 1
        else:
            clips.append(_labelled(source, path, sounds))
    if not clips and not left_out:
        raise WrongUse(
            f"source: {config.source} holds no clip laid out as MEAD is: ACTOR/video/VIEW/EMOTION/"
            "level_N/NNN.mp4 (M003/video/front/angry/level_3/001.mp4), or flat: "
            "M003_front_angry_level_3_001.mp4"
        )
    return Listing(tuple(clips), tuple(rejected), left_out, source.system_files)


def _view(path: re.Match[str]) -> str:
    return path["view"] or "front"


def _unknown_name(inside: str) -> Rejection:
    return Rejection(
        "unknown_name",
        "the path is not ACTOR/video/VIEW/EMOTION/level_N/NNN.mp4, nor its name "
        "ACTOR_VIEW_EMOTION_level_N_NNN.mp4; views "
        f"{' '.join(VIEWS)}, emotions {' '.join(EMOTIONS)}, levels 1 to 3",
        clip=printable(inside),
    )


def _labelled(source: Source, path: re.Match[str], sounds: set[str]) -> SourceClip:
    level = f"level_{path['level']}"
    parts = (path["actor"], _view(path), path["emotion"], level, path["number"])
    # MEAD has neutral recordings under level_1 only; neutral has no intensity.
    neutral = path["emotion"] == "neutral"
    label = ClipLabel(
        key="_".join(parts),
        clip=printable(path.string),
        actor=path["actor"],
        emotion=EMOTION_WORDS[path["emotion"]],
        intensity=None if neutral else LEVEL_WORDS[level],
        extra={"view": _view(path), "level": level, "number": path["number"]},
    )
    sound = next((name for name in _sounds(path) if name in sounds), None)
    return SourceClip(
        label, source.media(path.string), None if sound is None else source.media(sound)
    )


def _sounds(path: re.Match[str]) -> tuple[str, ...]:
    """Return the possible paths of a clip's sound: MEAD has one recording for all views."""
    above, actor, emotion, level, number = (
        path[part] or "" for part in ("above", "actor", "emotion", "level", "number")
    )
    root = above.split(f"{actor}/")[0]
    folder = PurePosixPath(path.string).parent
    return (
        f"{root}{actor}/audio/{emotion}/level_{level}/{number}.m4a",
        str(PurePosixPath(path.string).with_suffix(".m4a")),
        *(str(folder / f"{actor}_{emotion}_{part}{level}_{number}.m4a") for part in LEVEL_PARTS),
    )
