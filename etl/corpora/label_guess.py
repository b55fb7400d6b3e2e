"""Guess actor, emotion and level of recordings from their names and folders.

Every guess says its ground, so that a person can judge it. Nothing is opened.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Literal, TypeAlias

from emotalk.schema import UNKNOWN
from etl.corpora import crema_d, mead
from etl.corpora.listing import WORDS_OF_EMOTION

ActorFrom: TypeAlias = Literal["auto", "folder", "name", "single"]

SINGLE = "speaker"  # the actor of all where neither folders nor names tell people apart
NO_HINT = "nothing"  # the ground of that
MORE_WORDS = {
    "anger": ("furious", "mad", "rage"),
    "contempt": ("contemptuous",),
    "fear": ("afraid", "scared"),
    "happiness": ("joy", "joyful"),
    "neutral": ("calm",),
}
WHOLE_WORDS = {
    word: name
    for name, words in WORDS_OF_EMOTION.items()
    for word in (*words, *MORE_WORDS.get(name, ()))
}
SHORT = ("ang", "dis", "fea", "hap", "neu")
"""Abbreviations; names of people and common syllables too, so they count where no word is found."""
WORDS_OF_LEVEL = {
    **dict.fromkeys(("lo", "low", "weak", "mild"), "LO"),
    **dict.fromkeys(("md", "mid", "medium", "moderate"), "MD"),
    **dict.fromkeys(("hi", "high", "strong", "intense"), "HI"),
}
NUMBERED_LEVEL = re.compile(r"(?:^|[^a-z])(?:level|lvl|l)[_ -]?([123])(?!\d)", re.IGNORECASE)
LEVELS = {"1": "LO", "2": "MD", "3": "HI"}
NO_PERSON = frozenset(
    (
        "audio", "cam", "camera", "clip", "clips", "data", "dev", "file", "files", "front",
        "frontal", "img", "level", "lvl", "mov", "movie", "raw", "rec", "recording", "recordings",
        "sample", "samples", "scene", "sentence", "session", "speech", "take", "test", "train",
        "val", "video", "videos", "visual",
    )
)  # fmt: skip
"""Words of names and folders that name no person."""
PARTS = re.compile(r"[_\-\s.]+")
LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Guess:
    """Hold the labels guessed from the name of a recording, and the ground for each."""

    actor: str = ""
    emotion: str | None = None
    level: str = ""  # LO, MD, HI or empty
    text: str = ""  # what is said, where the name tells
    actor_by: str = ""
    emotion_by: str = ""  # empty where nothing was found


@dataclass(frozen=True)
class LabelOptions:
    """Labels and rules that the user gives for all recordings; they go before any guess."""

    actor_from: ActorFrom = "auto"
    actor: str | None = None
    emotion: str | None = None  # `unknown` of all
    pattern: re.Pattern[str] | None = None  # groups actor, emotion, level and text, each optional


@dataclass(frozen=True)
class Grammar:
    """The names of one published corpus."""

    title: str
    pattern: re.Pattern[str]  # of the path; groups actor, emotion, maybe level and sentence
    emotions: Mapping[str, str]
    levels: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


def _anywhere(pattern: str) -> re.Pattern[str]:
    """Return a pattern of a name as one of a path in any folder, with any suffix."""
    return re.compile(rf"(?:.*/)?{pattern}\.\w+", re.ASCII)


RAVDESS_EMOTIONS = {
    "01": "neutral", "02": "neutral", "03": "happiness", "04": "sadness", "05": "anger",
    "06": "fear", "07": "disgust", "08": "surprise",
}  # fmt: skip  # 02 is calm
SAVEE_EMOTIONS = {
    "a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "n": "neutral", "sa": "sadness",
    "su": "surprise",
}  # fmt: skip
GRAMMARS = (
    Grammar(
        "CREMA-D's names",
        _anywhere(crema_d.NAME.pattern),
        WHOLE_WORDS,
        {level: level for level in ("LO", "MD", "HI")},
        crema_d.SENTENCES,
    ),
    Grammar("MEAD's names", mead.PATH, WHOLE_WORDS, LEVELS),
    Grammar("MEAD's names", mead.FLAT, WHOLE_WORDS, LEVELS),
    Grammar(
        "RAVDESS' names",
        _anywhere(
            r"\d\d-\d\d-(?P<emotion>\d\d)-(?P<level>\d\d)-(?P<sentence>\d\d)-\d\d-(?P<actor>\d\d)"
        ),
        RAVDESS_EMOTIONS,
        {"01": "MD", "02": "HI"},
        {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"},
    ),
    Grammar(
        "SAVEE's names",
        _anywhere(r"(?P<actor>DC|JE|JK|KL)[_/](?P<emotion>[adfhn]|sa|su)\d\d"),
        SAVEE_EMOTIONS,
    ),
    Grammar(
        "TESS' names",
        _anywhere(r"(?P<actor>OAF|YAF)_\w+_(?P<emotion>[a-z]+)"),
        {**WHOLE_WORDS, "ps": "surprise"},
    ),
)


def guess_labels(clips: Sequence[str], options: LabelOptions = LabelOptions()) -> list[Guess]:
    """Return a guess for each path, in the order of the paths."""
    guesses = [_by_grammar(clip) or _by_words(clip) for clip in clips]
    if options.pattern is not None:
        guesses = [_by_pattern(c, g, options.pattern) for c, g in zip(clips, guesses, strict=True)]
    guesses = _with_actors(clips, guesses, options)
    if options.emotion is not None:
        emotion = None if options.emotion == UNKNOWN else options.emotion
        guesses = [replace(g, emotion=emotion, emotion_by="--emotion") for g in guesses]
    return [g if g.emotion not in (None, "neutral") else replace(g, level="") for g in guesses]


def _by_grammar(clip: str) -> Guess | None:
    for grammar in GRAMMARS:
        found = grammar.pattern.fullmatch(clip)
        groups = {} if found is None else found.groupdict("")
        emotion = grammar.emotions.get(groups.get("emotion", "").lower())
        if emotion is not None:
            level = grammar.levels.get(groups.get("level", ""), "")
            text = grammar.texts.get(groups.get("sentence", ""), "")
            return Guess(groups["actor"], emotion, level, text, grammar.title, grammar.title)
    return None


def _by_words(clip: str) -> Guess:
    """Return the emotion and level that a word of the name says, else one of the folders."""
    path = PurePosixPath(clip)
    for place, words in (
        ("a word in the name", path.stem),
        *(("a word in the folder", folder) for folder in reversed(path.parts[:-1])),
    ):
        emotion = _emotion_in(words)
        if emotion is not None:
            return Guess(emotion=emotion, level=_level_in(clip), emotion_by=place)
    return Guess()


def _by_pattern(clip: str, guess: Guess, pattern: re.Pattern[str]) -> Guess:
    found = pattern.search(clip)
    if found is None:
        return guess
    groups = {name: text.strip() for name, text in found.groupdict("").items() if text.strip()}
    if "actor" in groups:
        guess = replace(guess, actor=groups["actor"], actor_by="--pattern")
    if "emotion" in groups:
        emotion = _emotion_in(groups["emotion"])
        guess = replace(guess, emotion=emotion, emotion_by="--pattern" if emotion else "")
    if "level" in groups:
        guess = replace(guess, level=_level_in(groups["level"]) or LEVELS.get(groups["level"], ""))
    return replace(guess, text=groups.get("text", guess.text))


def _emotion_in(text: str) -> str | None:
    """Return the emotion that some words name; None without one, or with several."""
    words = [word.lower() for word in LETTERS.findall(text)]
    for known in ([w for w in words if w not in SHORT], words):
        found = {WHOLE_WORDS[word] for word in known if word in WHOLE_WORDS}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _level_in(text: str) -> str:
    numbered = NUMBERED_LEVEL.search(text)
    if numbered is not None:
        return LEVELS[numbered[1]]
    found = {WORDS_OF_LEVEL.get(word.lower(), "") for word in LETTERS.findall(text)} - {""}
    return found.pop() if len(found) == 1 else ""


def _with_actors(
    clips: Sequence[str], guesses: Sequence[Guess], options: LabelOptions
) -> list[Guess]:
    if options.actor is not None:
        return [replace(g, actor=options.actor, actor_by="--actor") for g in guesses]
    kept = options.actor_from == "auto"
    names = [
        (g.actor, g.actor_by) if kept or g.actor_by == "--pattern" else ("", "") for g in guesses
    ]
    open_places = [place for place, (name, _) in enumerate(names) if not name]
    rest = [clips[place] for place in open_places]
    for place, actor in zip(open_places, _actors(rest, options.actor_from), strict=True):
        names[place] = actor
    return [replace(g, actor=a, actor_by=by) for g, (a, by) in zip(guesses, names, strict=True)]


def _actors(clips: Sequence[str], wanted: ActorFrom) -> list[tuple[str, str]]:
    """Return the actor of each path and the ground; under `auto` by folder before name."""
    nobody = [""] * len(clips)
    folders = _by_folder(clips) if wanted in ("auto", "folder") else nobody
    names = _by_name(clips) if wanted in ("auto", "name") else nobody
    if wanted == "auto" and len(set(folders)) < 2 <= len(set(names)):
        folders = nobody  # one folder for all says less than several names
    return [
        (folder, "the folder") if folder else (name, "the name") if name else (SINGLE, NO_HINT)
        for folder, name in zip(folders, names, strict=True)
    ]


def _by_folder(clips: Sequence[str]) -> list[str]:
    """Return the first folder that differs among the clips and names a person, else the last."""
    paths = [[n for part in PurePosixPath(c).parts[:-1] if (n := _person(part))] for c in clips]
    common = ""
    while paths and all(path and path[0] == paths[0][0] for path in paths):
        common = paths[0][0]
        paths = [path[1:] for path in paths]
    return [path[0] if path else common for path in paths]


def _person(folder: str) -> str:
    """Return a folder's name without words of emotion, level and the like; empty if none is left.

    A name without such words stays as it is.
    """
    parts = [part for part in PARTS.split(folder) if part]
    rest = [part for part in parts if not _is_no_person(part)]
    if len(rest) == len(parts):
        return folder
    return "_".join(rest) if LETTERS.search("".join(rest)) else ""


def _by_name(clips: Sequence[str]) -> list[str]:
    """Return the first part of each name that is no word of emotion, level and the like.

    Where that is a number that every clip has for itself, it is the first part with letters. What
    then still differs for every clip names a person only beside an emotion: `anna_happy`.
    """
    stems = [PurePosixPath(clip).stem for clip in clips]
    parts = [[p for p in PARTS.split(stem) if p and not _is_no_person(p)] for stem in stems]
    first = [_name_of(some[0], alone=len(some) == 1) if some else "" for some in parts]
    if not _differ_everywhere(first):
        return first
    lettered = [next((part for part in some if LETTERS.search(part)), "") for some in parts]
    if not _differ_everywhere(lettered):
        return lettered
    return [
        name if _emotion_in(stem) is not None else ""
        for name, stem in zip(lettered, stems, strict=True)
    ]


def _name_of(part: str, *, alone: bool) -> str:
    """Return a part of a name; of `anna03` that is the whole name, `anna`."""
    if not alone:
        return part
    found = re.fullmatch(r"([^\W\d_]+)\d+", part)
    return found[1] if found and not _is_no_person(found[1]) else ""


def _differ_everywhere(names: Sequence[str]) -> bool:
    counts = Counter(names)
    return len(names) > 2 and max(counts.values()) == 1


def _is_no_person(part: str) -> bool:
    words = [word.lower() for word in LETTERS.findall(part)]
    return bool(words) and all(
        word in NO_PERSON or word in WHOLE_WORDS or word in WORDS_OF_LEVEL for word in words
    )
