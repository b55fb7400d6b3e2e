"""MEAD: `M003/video/front/angry/level_3/001.mp4` with `M003/audio/angry/level_3/001.m4a`.

Source: Wang et al. 2020, MEAD: A large-scale audio-visual dataset for emotional talking-face
generation. Academic use, no redistribution.
"""

import re

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.schema import ClipLabel, Rejection
from etl.corpora.listing import EMOTION_WORDS, LEVEL_WORDS, Listing, SourceClip
from etl.source import Source, open_source

EMOTIONS = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
VIEWS = ("front", "down", "top", "left_30", "left_60", "right_30", "right_60")
PATH = re.compile(
    rf"(?P<actor>[MW]\d{{3}})/video/(?P<view>{'|'.join(VIEWS)})/(?P<emotion>{'|'.join(EMOTIONS)})/"
    r"(?P<level>level_[123])/(?P<number>\d{3})\.mp4"
)
FLAT = re.compile(
    rf"(?:.*/)?(?P<actor>[MW]\d{{3}})_(?P<view>{'|'.join(VIEWS)})_(?P<emotion>{'|'.join(EMOTIONS)})_"
    r"(?P<level>level_[123])_(?P<number>\d{3})\.mp4"
)
"""Names that people give the clips when they copy them into one folder."""


def list_mead(config: EtlConfig) -> Listing:
    """Return the clips of the views asked for, labelled by their paths.

    Raises:
        WrongUse: the source holds no clip of MEAD's layout, nested or flat.
    """
    source = open_source(config)
    files = source.files("") or []
    sounds = {name for name in files if name.endswith(".m4a")}
    clips, rejected, left_out = [], [], 0
    for video in files:
        if not video.endswith(".mp4"):
            continue
        path = PATH.fullmatch(video) or FLAT.fullmatch(video)
        if path is None:
            rejected.append(_unknown_name(video))
        elif path["view"] not in config.views or not _wanted(path["emotion"], config):
            left_out += 1
        else:
            clips.append(_labelled(source, path, sounds))
    if not clips and not left_out:
        raise WrongUse(
            f"source: {config.source} holds no clip laid out as MEAD is: ACTOR/video/VIEW/EMOTION/"
            "level_N/NNN.mp4 (M003/video/front/angry/level_3/001.mp4), or flat: "
            "M003_front_angry_level_3_001.mp4"
        )
    return Listing(tuple(clips), tuple(rejected), left_out)


def _wanted(emotion: str, config: EtlConfig) -> bool:
    return EMOTION_WORDS[emotion] in config.emotion_names


def _unknown_name(inside: str) -> Rejection:
    return Rejection(
        "unknown_name",
        "the path is not ACTOR/video/VIEW/EMOTION/level_N/NNN.mp4, nor its name "
        "ACTOR_VIEW_EMOTION_level_N_NNN.mp4; views "
        f"{' '.join(VIEWS)}, emotions {' '.join(EMOTIONS)}, levels 1 to 3",
        clip=inside,
    )


def _labelled(source: Source, path: re.Match[str], sounds: set[str]) -> SourceClip:
    parts = (path["actor"], path["view"], path["emotion"], path["level"], path["number"])
    # MEAD files its only neutral recordings under level_1; neutral has no strength.
    neutral = path["emotion"] == "neutral"
    label = ClipLabel(
        key="_".join(parts),
        clip=path.string,
        actor=path["actor"],
        emotion=EMOTION_WORDS[path["emotion"]],
        intensity=None if neutral else LEVEL_WORDS[path["level"]],
        extra={"view": path["view"], "level": path["level"], "number": path["number"]},
    )
    sound = next((name for name in _sounds(path) if name in sounds), None)
    return SourceClip(
        label, source.media(path.string), None if sound is None else source.media(sound)
    )


def _sounds(path: re.Match[str]) -> tuple[str, str, str]:
    """Return where a clip's sound may lie: MEAD has one recording for all views."""
    actor, emotion, level, number = (path[k] for k in ("actor", "emotion", "level", "number"))
    beside = path.string.removesuffix(".mp4") + ".m4a"
    folder = path.string.rpartition("/")[0]
    flat = f"{folder}/{actor}_{emotion}_{level}_{number}.m4a".removeprefix("/")
    return f"{actor}/audio/{emotion}/{level}/{number}.m4a", beside, flat
