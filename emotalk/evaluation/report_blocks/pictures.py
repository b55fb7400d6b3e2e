"""Show the plots of all intervals, of sync, of mouths and of frames."""

from collections.abc import Sequence

from emotalk.evaluation.report import Report
from emotalk.evaluation.report_block import Block, Content, Picture


def _content(report: Report) -> Sequence[Content]:
    below = "true above generated" + (" above the baseline's" if report.baseline else "")
    return [
        Picture("figures.png", "Means and intervals of every figure for each kind of video"),
        Picture("sync.png", "How many frames lips and speech are apart, by share of clips"),
        Picture("mouth.png", "Mouth openings of a few clips over time, true and generated"),
        Picture("frames.png", f"Frames of one clip of each emotion, {below}"),
    ]


BLOCK = Block(70, "Plots", _content)
