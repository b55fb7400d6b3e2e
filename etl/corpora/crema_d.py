"""CREMA-D: 7442 clips whose names say who speaks what and how: `1001_IEO_ANG_HI`.

Layout: `VideoFlash/*.flv`, `AudioWAV/*.wav`, `VideoDemographics.csv`, `summaryTable.csv` (also
found in `processedResults/`). Source: Cao et al. 2014, CREMA-D: Crowd-sourced emotional multimodal
actors dataset.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.schema import ClipLabel, Rejection
from etl.corpora.listing import (
    EMOTION_WORDS,
    LEVEL_WORDS,
    VIDEO_SUFFIXES,
    Listing,
    SourceClip,
    source_folder,
)

SENTENCES: dict[str, str] = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
EMOTIONS = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
LEVELS = ("LO", "MD", "HI", "XX")
NAME = re.compile(
    rf"(?P<actor>\d{{4}})_(?P<sentence>{'|'.join(SENTENCES)})_"
    rf"(?P<emotion>{'|'.join(EMOTIONS)})_(?P<level>{'|'.join(LEVELS)})"
)
KNOWN_BAD: dict[str, str] = {
    "1076_MTI_NEU_XX": "published without sound",
    "1076_MTI_SAD_XX": "published without sound",
    "1064_TIE_SAD_XX": "published without a duration",
    "1064_IEO_DIS_MD": "published as a minute that holds all six emotions",
}
VOTES = {"voice": "Voice", "face": "Face", "both": "MultiModal"}


def list_crema_d(config: EtlConfig) -> Listing:
    """Return the clips of `VideoFlash`, labelled by their names, with votes and demographics.

    Raises:
        WrongUse: there is no `VideoFlash` folder, or it holds no video file.
    """
    source = source_folder(config)
    videos = _videos(source)
    tables = _votes(source), _demographics(source)
    clips, rejected = [], []
    for video in videos:
        name = NAME.fullmatch(video.stem)
        if name is None:
            rejected.append(_unknown_name(video))
        elif video.stem in KNOWN_BAD:
            rejected.append(Rejection("known_bad", KNOWN_BAD[video.stem], clip=_clip(video)))
        else:
            clips.append(_labelled(source, video, name, *tables))
    return Listing(tuple(clips), tuple(rejected))


def _videos(source: Path) -> list[Path]:
    folder = source / "VideoFlash"
    if not folder.is_dir():
        raise WrongUse(
            f"source: {source} has no folder VideoFlash, so it is no copy of CREMA-D; "
            "source must be the folder that holds VideoFlash and AudioWAV"
        )
    videos = sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)
    if not videos:
        raise WrongUse(f"source: {folder} holds no video file ({', '.join(VIDEO_SUFFIXES)})")
    return videos


def _clip(video: Path) -> str:
    return f"VideoFlash/{video.name}"


def _unknown_name(video: Path) -> Rejection:
    return Rejection(
        "unknown_name",
        f"{video.stem!r} is not ACTOR_SENTENCE_EMOTION_LEVEL as 1001_IEO_ANG_HI is; sentences "
        f"{' '.join(SENTENCES)}, emotions {' '.join(EMOTIONS)}, levels {' '.join(LEVELS)}",
        clip=_clip(video),
    )


def _labelled(
    source: Path,
    video: Path,
    name: re.Match[str],
    votes: dict[str, dict[str, Any]],
    demographics: dict[str, dict[str, Any]],
) -> SourceClip:
    extra: dict[str, Any] = {"sentence": name["sentence"], "text": SENTENCES[name["sentence"]]}
    if video.stem in votes:
        extra["votes"] = votes[video.stem]
    if name["actor"] in demographics:
        extra["demographics"] = demographics[name["actor"]]
    label = ClipLabel(
        key=video.stem,
        clip=_clip(video),
        actor=name["actor"],
        emotion=EMOTION_WORDS[name["emotion"].lower()],
        intensity=LEVEL_WORDS[name["level"].lower()],
        extra=extra,
    )
    wav = source / "AudioWAV" / f"{video.stem}.wav"
    return SourceClip(label, video, wav if wav.is_file() else None)


def _votes(source: Path) -> dict[str, dict[str, Any]]:
    """Return for each clip what the crowd heard, saw, and both: letter(s) and mean level."""
    rows = _rows(source / "summaryTable.csv", source / "processedResults" / "summaryTable.csv")
    return {
        row["FileName"]: {
            kind: {"vote": row[f"{column}Vote"], "level": _number(row[f"{column}Level"])}
            for kind, column in VOTES.items()
            if f"{column}Vote" in row
        }
        for row in rows
        if "FileName" in row
    }


def _demographics(source: Path) -> dict[str, dict[str, Any]]:
    return {
        row["ActorID"]: {
            "age": _number(row.get("Age", "")),
            "sex": row.get("Sex"),
            "race": row.get("Race"),
            "ethnicity": row.get("Ethnicity"),
        }
        for row in _rows(source / "VideoDemographics.csv")
        if "ActorID" in row
    }


def _rows(*places: Path) -> Iterator[dict[str, str]]:
    for place in places:
        if place.is_file():
            with place.open(encoding="utf-8-sig", newline="") as file:
                yield from csv.DictReader(file)
            return


def _number(text: str | None) -> float | str | None:
    """Return a number, or the text as it is where votes tied and several numbers stand there."""
    try:
        return float(text) if text else None
    except ValueError:
        return text
