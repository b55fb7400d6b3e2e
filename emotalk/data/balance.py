"""Balance an epoch: repeat clips by their emotion and intensity."""

import logging
from collections import Counter
from collections.abc import Sequence

from emotalk.config.data import BalanceConfig
from emotalk.errors import WrongUse
from emotalk.schema import UNKNOWN
from emotalk.shards.shard_set import Sample

logger = logging.getLogger(__name__)


def epoch_repeats(
    samples: Sequence[Sample], config: BalanceConfig, where: str = ""
) -> list[int] | None:
    """Return the repetitions of each sample in an epoch, or None where each comes once.

    The level's count is multiplied by the emotion's: the whole number nearest to (places of the
    most frequent emotion) / (places of this one). Clips of unknown emotion are left out of this:
    they do not count, and come as often as `unknown` levels do. The result is logged.

    Raises:
        WrongUse: no clip would ever come.
    """
    if config == BalanceConfig():
        return None
    repeats = [_level_repeats(sample, config) for sample in samples]
    if not any(repeats):
        raise WrongUse(
            f"data.balance: no clip{where and f' of {where}'} would ever come: low={config.low}, "
            f"medium={config.medium}, high={config.high}, unknown={config.unknown}, and no clip "
            "has a level that counts; "
            "set the one that the clips have to 1 or more"
        )
    if config.emotions == "equal":
        places: Counter[str] = Counter()
        for sample, count in zip(samples, repeats, strict=True):
            if sample.emotion is not None:
                places[sample.emotion] += count
        most = max(places.values(), default=0)
        factors = {emotion: round(most / count) for emotion, count in places.items() if count}
        repeats = [
            count * (1 if sample.emotion is None else factors.get(sample.emotion, 0))
            for sample, count in zip(samples, repeats, strict=True)
        ]
    _log(samples, repeats)
    return repeats


def _level_repeats(sample: Sample, config: BalanceConfig) -> int:
    if sample.intensity is None or sample.emotion is None:
        return config.unknown
    if sample.intensity < 0.5:
        return config.low
    return config.medium if sample.intensity < 0.9 else config.high


def _log(samples: Sequence[Sample], repeats: Sequence[int]) -> None:
    clips: Counter[tuple[str, int]] = Counter()
    for sample, count in zip(samples, repeats, strict=True):
        clips[sample.emotion or UNKNOWN, count] += 1
    for (emotion, count), number in sorted(clips.items()):
        logger.info("balance: %d clips of %s come %d times an epoch", number, emotion, count)
