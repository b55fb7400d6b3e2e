"""Read landmarks and speech of two real clips of people unknown to the lip-sync model.

From the GRID audiovisual sentence corpus (Cooke, Barker, Cunningham and Shao 2006), CC BY 4.0.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from emotalk.schema import Floats

FILE = Path(__file__).parents[1] / "unit" / "lip_sync" / "grid_clips.safetensors"
NAMES = ("brbk7n", "lrwp9a")


def talking_clip(name: str) -> tuple[Floats, Floats]:
    """Return the landmarks (75, 68, 2) in crop pixels and the speech (24000,) of a clip."""
    stored = load_file(FILE)
    speech = stored[f"{name}.audio"].astype(np.float32) / np.float32(32767)
    return stored[f"{name}.landmarks"].astype(np.float32), speech
