"""Begin a neutral clip with a passing expression.

The first frame of a neutral clip serves as the picture of a person. Photographs show people who
smile, or whose mouth is open. So the face takes such an expression first, and drops it before it
speaks.
"""

from dataclasses import replace

import numpy as np

from emotalk.schema import Doubles
from emotalk.synthetic.canvas import smooth_step
from emotalk.synthetic.expression import MOVEMENTS, PROTOTYPES
from emotalk.synthetic.motion import Motion

STILL_S, GONE_S = 0.04, 0.28  # speech begins at 0.25 s or later
SMILES = 0.4  # share of the expressions that are smiles
OPEN_MOUTHS = 0.5  # share of the open mouths
WIDEST = 0.55  # of the openings


def arriving(motion: Motion, times_s: Doubles, generator: np.random.Generator) -> Motion:
    """Return the motion with an expression and an opening of the mouth that fade within 0.3 s."""
    fade = 1.0 - smooth_step(times_s, STILL_S, GONE_S)
    names = sorted(PROTOTYPES)
    chosen = names[int(generator.integers(len(names)))]
    emotion = "happiness" if generator.random() < SMILES else chosen
    shown = PROTOTYPES[emotion].scaled(float(generator.uniform(0.0, 1.0)))
    opening = float(generator.uniform(0.0, WIDEST)) if generator.random() < OPEN_MOUTHS else 0.0
    return replace(
        motion,
        opening=np.maximum(motion.opening, opening * fade),
        spread=motion.spread + fade * float(generator.uniform(-0.4, 0.4)),
        movements={
            name: motion.movements[name] + fade * float(getattr(shown, name)) for name in MOVEMENTS
        },
    )
