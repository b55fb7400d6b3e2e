"""MEAD: `M003/video/front/angry/level_3/001.mp4` with `M003/audio/angry/level_3/001.m4a`.

Source: Wang et al. 2020, MEAD: A large-scale audio-visual dataset for emotional talking-face
generation. Academic use, no redistribution.
"""

import re
from pathlib import Path

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.schema import ClipLabel, Rejection
from etl.corpora.listing import EMOTION_WORDS, LEVEL_WORDS, Listing, SourceClip, source_folder

EMOTIONS = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
VIEWS = ("front", "down", "top", "left_30", "left_60", "right_30", "right_60")
PATH = re.compile(
    rf"(?P<actor>[MW]\d{{3}})/video/(?P<view>{'|'.join(VIEWS)})/(?P<emotion>{'|'.join(EMOTIONS)})/"
    r"(?P<level>level_[123])/(?P<number>\d{3})\.mp4"
)


def list_mead(config: EtlConfig) -> Listing:
    """Return the clips of the views asked for, labelled by their paths.

    Raises:
        WrongUse: the source holds no `ACTOR/video` folder.
    """
    source = source_folder(config)
    clips, rejected, left_out = [], [], 0
    for video in _videos(source):
        inside = video.relative_to(source).as_posix()
        path = PATH.fullmatch(inside)
        if path is None:
            rejected.append(_unknown_name(inside))
        elif path["view"] not in config.views or not _wanted(path["emotion"], config):
            left_out += 1
        else:
            clips.append(_labelled(source, video, path))
    return Listing(tuple(clips), tuple(rejected), left_out)


def _videos(source: Path) -> list[Path]:
    folders = sorted(source.glob("*/video"))
    if not folders:
        raise WrongUse(
            f"source: {source} has no folder ACTOR/video, so it is not laid out as MEAD is: "
            "M003/video/front/angry/level_3/001.mp4"
        )
    return sorted(path for folder in folders for path in folder.rglob("*.mp4"))


def _wanted(emotion: str, config: EtlConfig) -> bool:
    return EMOTION_WORDS[emotion] in config.emotion_names


def _unknown_name(inside: str) -> Rejection:
    return Rejection(
        "unknown_name",
        "the path is not ACTOR/video/VIEW/EMOTION/level_N/NNN.mp4; views "
        f"{' '.join(VIEWS)}, emotions {' '.join(EMOTIONS)}, levels 1 to 3",
        clip=inside,
    )


def _labelled(source: Path, video: Path, path: re.Match[str]) -> SourceClip:
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
    sound = source / path["actor"] / "audio" / path["emotion"] / path["level"]
    m4a = sound / f"{path['number']}.m4a"
    return SourceClip(label, video, m4a if m4a.is_file() else None)
