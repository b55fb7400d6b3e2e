"""Build the judge of emotions that a configuration names.

Each judge is one module of this package, named like its value of `emotion.by`, with a function
`build(config, shard_set)`.
"""

from importlib import import_module

from emotalk.config.evaluate_emotion import EmotionJudgeConfig
from emotalk.evaluation.emotion_judges.judge import CLASSES, OTHER, EmotionJudge
from emotalk.shards.joined_set import AnyShardSet

__all__ = ["CLASSES", "OTHER", "EmotionJudge", "build_emotion_judge"]


def build_emotion_judge(config: EmotionJudgeConfig, shard_set: AnyShardSet) -> EmotionJudge | None:
    """Return the judge that the configuration names, without `auto`; None for `none`.

    Raises:
        WrongUse: its model is missing or unfit, or it cannot be fitted to the shard set.
    """
    if config.by == "none":
        return None
    judge: EmotionJudge = import_module(f"{__name__}.{config.by}").build(config, shard_set)
    return judge
