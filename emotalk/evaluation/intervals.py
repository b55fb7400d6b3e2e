"""Say in words what the 95 % intervals of a report were resampled over, and what they are worth."""

from emotalk.metrics.bootstrap import DRAWS

FEW_ACTORS = 4
"""Most actors of which intervals mean little: four can be resampled to 35 different sets only."""


def describe_intervals(*, clips: int, actors: int) -> str:
    """Return one or two sentences about the intervals over these clips and actors."""
    if clips < 2:
        return "One clip only: its intervals have no width and say nothing."
    how = f"95 % intervals by bootstrap ({DRAWS} draws)"
    if actors < 2:
        return (
            f"{how} over the {clips} clips of one actor: they hold for further clips of this "
            "person and say nothing of other people."
        )
    if actors <= FEW_ACTORS:
        return f"{how} over actors. With {actors} actors they mean little."
    return f"{how} over {actors} actors."
