"""Judge by a classifier that is fitted to the true clips of the set's training split."""

from dataclasses import dataclass

import numpy as np
import torch

from emotalk.config.evaluate_emotion import EmotionJudgeConfig, FitConfig
from emotalk.evaluation.fitted_emotions.cache import (
    FitFacts,
    Fitted,
    cache_file,
    read_fitted,
    write_fitted,
)
from emotalk.evaluation.fitted_emotions.fit import fit_network
from emotalk.evaluation.fitted_emotions.frames import look
from emotalk.evaluation.fitted_emotions.training_clips import (
    choose_training_clips,
    read_training_clips,
)
from emotalk.lip_sync.one_thread import one_thread
from emotalk.schema import EMOTIONS, Bytes, Floats
from emotalk.shards.joined_set import AnyShardSet


def build(config: EmotionJudgeConfig, shard_set: AnyShardSet) -> "FittedJudge":
    """Return the judge of this set, fitted now unless it is kept from before."""
    path = cache_file(config.fit, shard_set)
    fitted = read_fitted(path)
    if fitted is None:
        fitted = _fit(config.fit, shard_set)
        write_fitted(fitted, path)
    return FittedJudge(fitted)


@dataclass(frozen=True)
class FittedJudge:
    """Judge clips like those of the training split; it says one of the six emotions.

    It has its own network, seed and training, sees true clips alone, and so is not the generator's
    emotion discriminator, though both learnt from the same split.
    """

    fitted: Fitted

    @property
    def name(self) -> str:
        """Return what it was fitted to."""
        facts = self.fitted.facts
        counts = ", ".join(f"{name} {count}" for name, count in facts.emotions.items())
        return (
            f"classifier fitted to {facts.clips} true clips of {facts.actors} "
            f"{'actor' if facts.actors == 1 else 'actors'} of this set's training split ({counts})"
        )

    def probabilities(self, frames_THWC: Bytes) -> Floats:
        """Return the probability of each of `judge.CLASSES`, (7,); that of `other` is 0."""
        grey_BTHW = torch.from_numpy(look(frames_THWC).astype(np.float32))[None]
        with one_thread(), torch.inference_mode():
            shares_E = self.fitted.net(grey_BTHW)[0].double().softmax(-1).numpy()
        return np.append(shares_E, 0).astype(np.float32)


def _fit(config: FitConfig, shard_set: AnyShardSet) -> Fitted:
    chosen = choose_training_clips(shard_set, config.clips, config.seed)
    clips = read_training_clips(shard_set, chosen)
    net = fit_network(clips, steps=config.steps, seed=config.seed)
    counts = np.bincount(clips.emotion_B, minlength=len(EMOTIONS)).tolist()
    emotions = {name: count for name, count in zip(EMOTIONS, counts, strict=True) if count}
    facts = FitFacts(clips=len(clips.looks), actors=clips.actors, emotions=emotions)
    return Fitted(net=net, facts=facts)
