"""Show the plots of mouths and of frames."""

from collections.abc import Sequence

from emotalk.evaluation.report import Report
from emotalk.evaluation.report_block import Block, Content, Picture


def _content(_report: Report) -> Sequence[Content]:
    return [
        Picture("mouth.png", "Mouth openings of a few clips over time, true and generated"),
        Picture("frames.png", "Frames of one clip of each emotion, true above generated"),
    ]


BLOCK = Block(70, "Mouths and frames", _content)
