"""Say what a model knows: drawn faces, one person or a corpus, and the emotions it learnt."""

from dataclasses import dataclass
from typing import Literal

from emotalk.checkpoints.format import CorpusFacts, DataFacts, ModelFacts
from emotalk.counted import counted
from emotalk.schema import NEUTRAL

Faces = Literal["drawn", "one person", "a corpus", "not recorded"]

NAMES = {"crema_d": "CREMA-D", "mead": "MEAD", "folder": "a folder of clips"}
DRAWN_LANDMARKS, DRAWN_LAYOUTS = "sidecar", ("crema_d", "mead")  # of `emotalk synth`


@dataclass(frozen=True)
class Knowledge:
    """Describe the clips that a generator was trained on."""

    faces: Faces
    corpus: str  # name of the corpus, empty where unknown
    clips: int  # of the training split; 0 where unknown
    people: int  # likewise
    accepted: tuple[str, ...]  # emotions that the model takes
    learnt: tuple[str, ...] | None  # those of them that some training clip shows; None: unknown

    @property
    def never_learnt(self) -> tuple[str, ...]:
        """Return the emotions that the model takes without having learnt them."""
        if self.learnt is None:
            return ()
        return tuple(name for name in self.accepted if name not in self.learnt)

    def __str__(self) -> str:
        """Return one line: faces, then emotions."""
        return f"{self._faces()}; emotions: {self._emotions()}"

    def sentence(self) -> str:
        """Return the line as a sentence."""
        line = str(self)
        return f"{line[0].upper()}{line[1:]}."

    def _faces(self) -> str:
        clips, drawn = counted(self.clips, "clip"), "drawn " if self.faces == "drawn" else ""
        people = counted(self.people, f"{drawn}person", plural=f"{drawn}people")
        size = f"{clips} of {people}" if self.clips else ""
        if self.faces == "drawn":
            return f"drawn faces only ({size})"
        if self.faces == "one person":
            return f"one person ({clips})"
        if self.faces == "a corpus":
            return f"a corpus: {self.corpus} ({size or 'how many clips was not recorded'})"
        return "faces that were not recorded"

    def _emotions(self) -> str:
        if self.learnt is None:
            return "which it learnt was not recorded"
        learnt = ", ".join(self.learnt) or "none"
        if not self.never_learnt:
            return learnt
        return f"{learnt}; never learnt: {', '.join(self.never_learnt)}"


def what_it_knows(facts: ModelFacts) -> Knowledge:
    """Return what a model knows by the facts that it was saved with.

    Faces count as drawn where clips in the layouts that `emotalk synth` writes brought their own
    landmarks, so that no detector had to find them in photographs.
    """
    data = facts.data
    if data is None:
        return Knowledge("not recorded", "", 0, 0, facts.emotions, None)
    return Knowledge(
        faces=_faces(data),
        corpus=" + ".join(NAMES.get(part, part) for part in data.corpus.split(" + ")),
        clips=data.clips,
        people=data.actors,
        accepted=facts.emotions,
        learnt=_learnt(facts, data),
    )


def _faces(data: DataFacts) -> Faces:
    parts: tuple[CorpusFacts, ...] = data.sets or (data,)
    if all(part.landmarks == DRAWN_LANDMARKS and part.corpus in DRAWN_LAYOUTS for part in parts):
        return "drawn"
    if data.corpus == "unknown":
        return "not recorded"
    return "one person" if data.actors == 1 else "a corpus"


def _learnt(facts: ModelFacts, data: DataFacts) -> tuple[str, ...] | None:
    """Return the emotions learnt; of older checkpoints it is known only if no clip had a label."""
    if data.emotions is not None:
        return tuple(name for name in facts.emotions if name in data.emotions)
    nothing_labelled = 0 < data.clips <= data.unlabelled
    return (NEUTRAL,) if nothing_labelled and NEUTRAL in facts.emotions else None
