"""Define what every judge of emotions offers."""

from typing import Protocol

from emotalk.schema import EMOTIONS, Bytes, Floats

OTHER = "other"
"""Class of a judge for expressions that are none of `schema.EMOTIONS`, such as surprise."""

CLASSES: tuple[str, ...] = (*EMOTIONS, OTHER)
"""Names of the probabilities of every judge."""


class EmotionJudge(Protocol):
    """Say which emotion a video of an aligned face shows.

    A judge is independent of the generator: it is never the discriminator that the generator was
    trained against, and it has seen no generated frame.
    """

    @property
    def name(self) -> str:
        """Return its description for reports, with the data that it was trained on."""

    def probabilities(self, frames_THWC: Bytes) -> Floats:
        """Return the probability of each of `CLASSES`, (7,), sum 1.

        The crops (T, 128, 128, 3) are uint8 RGB of one clip, T >= 1.
        """
