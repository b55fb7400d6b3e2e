"""Measure whether the mouth is shut on P, B and M, and open on open vowels.

The sounds' times come from the known sentence (`emotalk/speech`). `closure_rate` needs a limit that
the true clips of the whole set give: `evaluation/closure_limit.py` adds it.
"""

from emotalk.evaluation.comparison import Ceiling, Comparison, Metric, Quantity
from emotalk.metrics.closure import closure_auc, opening_at
from emotalk.schema import Doubles
from emotalk.speech.phones import BILABIALS, OPEN_VOWELS, Phone

UNKNOWN_SOUNDS = "no sounds of these kinds are known"


def shut_and_open(opening_T: Doubles, phones: tuple[Phone, ...]) -> tuple[Doubles, Doubles]:
    """Return the mouth's opening in the middle of each bilabial, and of each open vowel."""
    shut, opened = (
        opening_at(opening_T, [phone.middle for phone in phones if phone.name in names])
        for names in (BILABIALS, OPEN_VOWELS)
    )
    return shut, opened


def closure_figures(comparison: Comparison) -> dict[str, float]:
    """Return the AUC of bilabials against open vowels; nothing where the sounds are not known."""
    phones = comparison.truth.speech.phones
    if phones is None:
        return {}
    return {"closure_auc": closure_auc(*shut_and_open(comparison.opening_T, phones))}


METRIC = Metric(
    {
        "closure_auc": Quantity(
            "mouth less open on P, B, M than on open vowels (AUC)",
            "higher",
            3,
            "How often the mouth is less open on P, B or M than on an open vowel; chance: 0.5.",
            UNKNOWN_SOUNDS,
        ),
        "closure_rate": Quantity(
            "mouth shut on P, B, M (share)",
            "higher",
            3,
            "Share of P, B, M with the mouth below the true clips' limit; always shut: 1.",
            UNKNOWN_SOUNDS,
        ),
    },
    closure_figures,
    needs_landmarks=True,
    of_truth=True,
    ceiling=Ceiling("closure_auc", 0.5, "bilabial closure"),
)
