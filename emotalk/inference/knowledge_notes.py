"""Say or refuse what a model never learnt: emotions without training clips, photographs."""

from collections.abc import Iterable

from emotalk.checkpoints.knowledge import Knowledge
from emotalk.errors import WrongUse


def unlearnt_note(knowledge: Knowledge, emotions: Iterable[str]) -> str:
    """Return a note on wanted emotions that the model never learnt, or an empty string."""
    never = _never_learnt(knowledge, emotions)
    if not never:
        return ""
    learnt = ", ".join(knowledge.learnt or ()) or "none"
    return (
        f"emotion {', '.join(never)}: this model never learnt it, no clip of its training shows "
        f"it (learnt: {learnt}); the video is made, but what its face will show is undefined"
    )


def refuse_unlearnt(knowledge: Knowledge, emotions: Iterable[str], *, wish: str) -> None:
    """Refuse a wish for emotions of which the model never learnt some.

    Args:
        knowledge: of the model.
        emotions: all that the wish needs.
        wish: as the user stated it, e.g. `--all-emotions`.

    Raises:
        WrongUse: names those emotions, and what can be asked for.
    """
    never = _never_learnt(knowledge, emotions)
    if not never:
        return
    learnt = knowledge.learnt or ()
    ask = f"ask for what it learnt with --emotion ({', '.join(learnt)}), or " if learnt else ""
    raise WrongUse(
        f"{wish}: this model never learnt {', '.join(never)}, no clip of its training shows "
        f"{'it' if len(never) == 1 else 'them'}; it learnt {', '.join(learnt) or 'no emotion'}: "
        f"{ask}give a model that learnt {'it' if len(never) == 1 else 'them all'} with --checkpoint"
    )


def photograph_note(knowledge: Knowledge, *, detected: bool) -> str:
    """Return what to expect of a photograph from a model of drawn faces, or an empty string.

    `detected`: a detector found the face in the picture, so it is no aligned drawn crop.
    """
    if knowledge.faces != "drawn" or not detected:
        return ""
    return (
        "this model has seen drawn faces only: of a photograph expect a soft face whose mouth "
        "moves with the speech but looks drawn; for real people train on real clips (README.md)"
    )


def _never_learnt(knowledge: Knowledge, emotions: Iterable[str]) -> tuple[str, ...]:
    never = knowledge.never_learnt
    return tuple(dict.fromkeys(name for name in emotions if name in never))
