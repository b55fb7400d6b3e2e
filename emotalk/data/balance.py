"""Balance an epoch: repeat clips by their emotion and intensity."""

import logging

import numpy as np

from emotalk.config.data import BalanceConfig
from emotalk.errors import WrongUse
from emotalk.schema import EMOTIONS_MEAD8, UNKNOWN
from emotalk.shards.sample_table import NO_EMOTION, Ints, SampleTable, emotion_name

LOG = logging.getLogger(__name__)


def epoch_repeats(samples: SampleTable, config: BalanceConfig, where: str = "") -> Ints | None:
    """Return the repetitions of each sample in an epoch, or None where each comes once.

    The level's count is multiplied by the emotion's: the whole number nearest to (places of the
    most frequent emotion) / (places of this one). Clips of unknown emotion are left out of this:
    they do not count, and come as often as `unknown` levels do. The result is logged.

    Raises:
        WrongUse: no clip would ever come.
    """
    if config == BalanceConfig():
        return None
    repeats = _level_repeats(samples, config)
    if not repeats.any():
        raise WrongUse(
            f"data.balance: no clip{where and f' of {where}'} would ever come: low={config.low}, "
            f"medium={config.medium}, high={config.high}, unknown={config.unknown}, and no clip "
            "has a level that counts; "
            "set the one that the clips have to 1 or more"
        )
    if config.emotions == "equal":
        repeats *= _emotion_factors(samples, repeats)
    _log(samples, repeats)
    return repeats


def _level_repeats(samples: SampleTable, config: BalanceConfig) -> Ints:
    levels = [samples.intensity_N < 0.5, samples.intensity_N < 0.9, samples.intensity_N >= 0.9]
    counts = np.select(levels, [config.low, config.medium, config.high], config.unknown)
    return np.where(samples.emotion_N == NO_EMOTION, config.unknown, counts).astype(np.int64)


def _emotion_factors(samples: SampleTable, repeats: Ints) -> Ints:
    known = samples.emotion_N != NO_EMOTION
    places = np.bincount(samples.emotion_N[known], repeats[known], len(EMOTIONS_MEAD8)).tolist()
    factors = [round(max(places) / count) if count else 0 for count in places]
    return np.array([*factors, 1])[samples.emotion_N]  # the last one: NO_EMOTION is -1


def _log(samples: SampleTable, repeats: Ints) -> None:
    pairs, numbers = np.unique(np.stack([samples.emotion_N, repeats]), axis=1, return_counts=True)
    clips = {
        (emotion_name(int(code)) or UNKNOWN, int(count)): int(number)
        for (code, count), number in zip(pairs.T, numbers, strict=True)
    }
    for (emotion, count), number in sorted(clips.items()):
        LOG.info("balance: %d clips of %s come %d times an epoch", number, emotion, count)
