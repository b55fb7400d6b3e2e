"""Read the clips of an evaluation, and record those that are left out."""

import logging
from collections.abc import Iterator, Mapping, Sequence

from emotalk.config.evaluate import EvaluateConfig
from emotalk.evaluation.clips import read_clip, read_sentence
from emotalk.schema import Floats
from emotalk.shards.clip import Clip, read_speech
from emotalk.shards.reader import DataFault, SampleReader
from emotalk.shards.sample_table import Sample

LOG = logging.getLogger(__name__)


class ClipReader:
    """Read clips, and leave out those that are broken or lack data that the configuration needs.

    Attributes:
        left_out: key -> why the clip, or its emotion, is not evaluated.
    """

    def __init__(self, reader: SampleReader, config: EvaluateConfig) -> None:
        self._reader, self._config = reader, config
        self.left_out: dict[str, str] = {}

    def sentences(self, samples: Sequence[Sample]) -> tuple[list[Sample], list[str]]:
        """Return the readable samples and their sentences."""
        readable: list[Sample] = []
        sentences: list[str] = []
        for sample in samples:
            try:
                sentences.append(read_sentence(self._reader, sample))
            except DataFault as fault:
                self._leave_out(sample.key, str(fault))
            else:
                readable.append(sample)
        return readable, sentences

    def clips(self, samples: Sequence[Sample]) -> Iterator[Clip]:
        """Yield the clips that can be evaluated."""
        for sample in samples:
            try:
                clip = read_clip(self._reader, sample)
            except DataFault as fault:
                self._leave_out(sample.key, str(fault))
                continue
            if clip.neutral_HWC is None:
                lack = f"actor {clip.actor} has no neutral clip"
                if self._config.condition == "neutral":
                    self._leave_out(sample.key, lack)
                    continue
                if self._config.emotion.by != "none" and clip.emotion is not None:
                    self.left_out[sample.key] = f"emotion only: {lack}"
            yield clip

    def other_speech(
        self, clips: Sequence[Clip], partners: Mapping[str, Sample]
    ) -> dict[str, Floats]:
        """Return key -> speech of the clip's partner, for the clips that have one."""
        speech: dict[str, Floats] = {}
        for clip in clips:
            if partner := partners.get(clip.key):
                try:
                    speech[clip.key] = read_speech(self._reader, partner)
                except DataFault as fault:
                    self._leave_out(partner.key, str(fault))
        return speech

    def speeches(self, samples: Sequence[Sample]) -> tuple[Floats, ...]:
        """Return the speech of samples, without those that cannot be read."""
        found: list[Floats] = []
        for sample in samples:
            try:
                found.append(read_speech(self._reader, sample))
            except DataFault as fault:
                self._leave_out(sample.key, str(fault))
        return tuple(found)

    def _leave_out(self, key: str, why: str) -> None:
        LOG.warning("%s is left out: %s", key, why)
        self.left_out[key] = why
