"""List CREMA-D: 7442 clips named by actor, sentence, emotion and level: `1001_IEO_ANG_HI`.

Layout: `VideoFlash/*.flv`, `AudioWAV/*.wav`, `VideoDemographics.csv`, `summaryTable.csv` (also
found in `processedResults/`). Source: Cao et al. 2014, CREMA-D: Crowd-sourced emotional multimodal
actors dataset.
"""

import csv
import io
import math
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, TypeAlias

from emotalk.config.etl import EtlConfig, VotesConfig
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

Facts: TypeAlias = dict[str, Any]

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
    rf"(?P<emotion>{'|'.join(EMOTIONS)})_(?P<level>{'|'.join(LEVELS)})",
    re.ASCII,
)
KNOWN_BAD: dict[str, str] = {
    "1076_MTI_NEU_XX": "published without sound",
    "1076_MTI_SAD_XX": "published without sound",
    "1064_TIE_SAD_XX": "published without a duration",
    "1064_IEO_DIS_MD": "published as a minute that holds all six emotions",
}
VOTES = {"voice": "Voice", "face": "Face", "both": "MultiModal"}


def list_clips(config: EtlConfig) -> Listing:
    """Return the clips of `VideoFlash`, labelled by their names, with votes and demographics.

    Raises:
        WrongUse: there is no `VideoFlash` folder, it holds no video file, or a filter by votes has
            no table of votes.
    """
    source = open_source(config)
    videos = _videos(source, config.source)
    sounds = set(source.files("AudioWAV") or ())
    votes = _votes(source)
    if config.votes.min_agreement > 0 and not votes:
        raise WrongUse(
            f"votes.min_agreement is {config.votes.min_agreement:g}, but {config.source} has no "
            "summaryTable.csv with the crowd's votes; copy it there or set votes.min_agreement=0"
        )
    demographics = _demographics(source)
    clips, rejected, left_out = [], [], 0
    for video in videos:
        stem = PurePosixPath(video).stem
        name = NAME.fullmatch(stem)
        if name is None:
            rejected.append(_unknown_name(video))
        elif stem in KNOWN_BAD:
            rejected.append(Rejection("known_bad", KNOWN_BAD[stem], clip=printable(video)))
        elif _agreement(votes, stem, config.votes) < config.votes.min_agreement:
            left_out += 1
        else:
            label = _label(video, name, votes.get(stem), demographics.get(name["actor"]))
            wav = f"AudioWAV/{stem}.wav"
            audio = source.media(wav) if wav in sounds else None
            clips.append(SourceClip(label, source.media(video), audio))
    return Listing(tuple(clips), tuple(rejected), left_out, source.system_files)


def agreement(votes: str, emotion: str) -> float:
    """Return the share of the acted emotion in the crowd's majority.

    1 where it alone won, 1/k where k emotions tied and it is one of them, 0 where another won.
    `votes` are the letters of the emotions that won, e.g. `A:D`; `emotion` is e.g. `ANG`.
    """
    winners = votes.split(":")
    return 1 / len(winners) if emotion[0] in winners else 0.0


def _videos(source: Source, place: str) -> list[str]:
    files = source.files("VideoFlash")
    if files is None:
        raise WrongUse(
            f"source: {place} has no folder VideoFlash, so it is no copy of CREMA-D; "
            "source must be the folder that holds VideoFlash and AudioWAV"
        )
    videos = [name for name in files if PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES]
    if not videos:
        raise WrongUse(
            f"source: {place}/VideoFlash holds no video file ({', '.join(VIDEO_SUFFIXES)})"
        )
    return videos


def _unknown_name(video: str) -> Rejection:
    return Rejection(
        "unknown_name",
        f"{printable(PurePosixPath(video).stem)!r} is not ACTOR_SENTENCE_EMOTION_LEVEL as "
        "1001_IEO_ANG_HI is; "
        f"sentences {' '.join(SENTENCES)}, emotions {' '.join(EMOTIONS)}, "
        f"levels {' '.join(LEVELS)}",
        clip=printable(video),
    )


def _label(
    video: str, name: re.Match[str], votes: Facts | None, demographics: Facts | None
) -> ClipLabel:
    extra: Facts = {"sentence": name["sentence"], "text": SENTENCES[name["sentence"]]}
    if votes is not None:
        extra["votes"] = votes
    if demographics is not None:
        extra["demographics"] = demographics
    return ClipLabel(
        key=name.string,
        clip=printable(video),
        actor=name["actor"],
        emotion=EMOTION_WORDS[name["emotion"].lower()],
        intensity=LEVEL_WORDS[name["level"].lower()],
        extra=extra,
    )


def _votes(source: Source) -> dict[str, Facts]:
    """Return the crowd's votes on each clip by voice, face and both: letters, level, agreement."""
    return {
        row["FileName"]: {
            kind: {
                "vote": row[f"{column}Vote"],
                "level": _number(row.get(f"{column}Level")),
                "agreement": round(agreement(row[f"{column}Vote"], name["emotion"]), 6),
            }
            for kind, column in VOTES.items()
            if f"{column}Vote" in row
        }
        for row in _rows(source, "summaryTable.csv", "processedResults/summaryTable.csv")
        if (name := NAME.fullmatch(row.get("FileName", "")))
    }


def _agreement(votes: dict[str, Facts], stem: str, wanted: VotesConfig) -> float:
    """Return a clip's agreement; 0 for a clip without votes."""
    cast: Facts = votes.get(stem, {}).get(wanted.of, {})
    return float(cast.get("agreement", 0.0))


def _demographics(source: Source) -> dict[str, Facts]:
    return {
        row["ActorID"]: {
            "age": _number(row.get("Age", "")),
            "sex": row.get("Sex"),
            "race": row.get("Race"),
            "ethnicity": row.get("Ethnicity"),
        }
        for row in _rows(source, "VideoDemographics.csv")
        if "ActorID" in row
    }


def _rows(source: Source, *places: str) -> Iterator[dict[str, str]]:
    """Yield the rows of the first of these tables that exists; missing cells are left out.

    Raises:
        WrongUse: it is no CSV.
    """
    for place in places:
        text = source.text(place)
        if text is None:
            continue
        try:
            for row in csv.DictReader(io.StringIO(text, newline="")):
                yield {k: v for k, v in row.items() if isinstance(k, str) and v is not None}
        except csv.Error as error:
            raise WrongUse(
                f"{place}: not a table as CREMA-D's is ({error}); copy it again, or take it away: "
                "the clips are taken without votes and demographics then"
            ) from None
        return


def _number(text: str | None) -> float | str | None:
    """Return a number, or the text itself where votes tied and the cell holds several numbers."""
    try:
        number = float(text) if text else None
    except ValueError:
        return text
    return number if number is None or math.isfinite(number) else text
