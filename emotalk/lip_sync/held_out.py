"""Measure the lip-sync network on clips that it was not trained on."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from torch import Tensor

from emotalk.lip_sync.corpus import TalkingClip
from emotalk.lip_sync.estimate import SyncEstimate, compare
from emotalk.lip_sync.features import SPECTRA_PER_FRAME
from emotalk.lip_sync.load import LipSyncModel
from emotalk.seeding import numpy_generator

SHIFTS = (-6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6)  # frames, put in by hand
OTHERS = 12  # clips whose speech each clip's lips are compared with
DIGITS = 4


@dataclass(frozen=True)
class Figures:
    """Hold shares of offsets found, and of own speech told from other speech."""

    people: int
    clips: int
    within_one_frame: float  # share of clips whose offset is found at -1 to 1
    shifts_within_one_frame: float  # share of the shifts by hand that are found within one frame
    own_above_other: float  # probability (AUC) that own speech correlates more than other speech
    own_correlation: float  # mean
    other_correlation: float  # mean
    unsure: float  # share of clips with their own speech
    confidently_wrong: float  # share of clips and shifts with a sure verdict and more than a frame
    rejected: float  # share of clips with their own speech of which no lag is said to fit
    other_confident: float  # share of pairs with other speech that are said to be in step
    other_rejected: float  # share of pairs with other speech of which no lag is said to fit


def measure(
    model: LipSyncModel, clips: Sequence[TalkingClip], donors: Sequence[TalkingClip], *, seed: int
) -> dict[str, float]:
    """Return the figures by name.

    Args:
        model: the network.
        clips: of which sound and picture are in step.
        donors: their speech is put to the lips of `clips`; another person's or another sentence.
        seed: of the choice among the donors.
    """
    own = [compare(model, clip.lips_TLP, clip.power_JF) for clip in clips]
    moved = [(late, compare(model, *shift(clip, late))) for clip in clips for late in SHIFTS]
    other = [compare(model, *pair) for pair in _other_pairs(clips, donors, seed)]
    errors = [estimate.offset - late for late, estimate in moved]
    right = [abs(estimate.offset) <= 1 for estimate in own]
    everything = [*((0, estimate) for estimate in own), *moved]
    wrong = [_sure(each) and abs(each.offset - late) > 1 for late, each in everything]
    figures = Figures(
        people=len({clip.person for clip in clips}),
        clips=len(clips),
        within_one_frame=float(np.mean(right)),
        shifts_within_one_frame=float(np.mean(np.abs(errors) <= 1)),
        own_above_other=_auc(own, other),
        own_correlation=float(np.mean([each.correlation for each in own])),
        other_correlation=float(np.mean([each.correlation for each in other])),
        unsure=float(np.mean([each.verdict == "unsure" for each in own])),
        confidently_wrong=float(np.mean(wrong)),
        rejected=float(np.mean([each.verdict == "no_lag_fits" for each in own])),
        other_confident=float(np.mean([_sure(each) for each in other])),
        other_rejected=float(np.mean([each.verdict == "no_lag_fits" for each in other])),
    )
    return {name: round(value, DIGITS) for name, value in asdict(figures).items()}


def shift(clip: TalkingClip, late: int) -> tuple[Tensor, Tensor]:
    """Return the lips and spectra that are left when a clip's sound is moved `late` frames on."""
    spectra = SPECTRA_PER_FRAME * abs(late)
    if late < 0:
        return clip.lips_TLP[:late], clip.power_JF[spectra:]
    return clip.lips_TLP[late:], clip.power_JF[: len(clip.power_JF) - spectra]


def _other_pairs(
    clips: Sequence[TalkingClip], donors: Sequence[TalkingClip], seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the lips of each clip with the speech of some other clips, cut to one length."""
    for clip in clips:
        others = [donor for donor in donors if donor.sentence != clip.sentence]
        order = numpy_generator(seed, "other speech", clip.key).permutation(len(others))
        for number in order[:OTHERS]:
            power_JF = others[number].power_JF
            frames = min(len(clip.lips_TLP), len(power_JF) // SPECTRA_PER_FRAME)
            yield clip.lips_TLP[:frames], power_JF[: SPECTRA_PER_FRAME * frames]


def _sure(estimate: SyncEstimate) -> bool:
    return estimate.verdict in ("in_step", "shifted")


def _auc(own: Sequence[SyncEstimate], other: Sequence[SyncEstimate]) -> float:
    """Return the share of pairs of an own and an other estimate that are in the right order."""
    high = np.array([each.correlation for each in own])[:, None]
    low = np.array([each.correlation for each in other])
    return float(np.mean((high > low) + 0.5 * (high == low)))
