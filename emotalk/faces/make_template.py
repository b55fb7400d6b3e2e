"""Makes `template_68.csv`: the mean shape of several people's faces, mirrored and fitted.

    python -m emotalk.faces.make_template OUT.csv ROOT PACK CLIP...

One clip for each person, seen from the front. The landmarks of every fifth frame are averaged for
each person after Procrustes alignment, so that nobody counts more for a longer clip; people are
averaged likewise, the mean is made symmetric and fitted to the crop.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emotalk.config.etl import LandmarksConfig
from emotalk.faces.landmarks import LandmarkFinder, build_finder
from emotalk.faces.shape import mean_shape
from emotalk.faces.template import fitted_to_crop, symmetric
from emotalk.media.frames import read_video
from emotalk.schema import Doubles

EVERY = 5


def person_shape(clip: Path, finder: LandmarkFinder) -> Doubles:
    """Return the mean shape (68, 2) of the one person in a clip, in frame pixels of its start."""
    video = read_video(clip)
    found = finder.find(list(video.at(range(0, len(video), EVERY))))
    shapes = [np.asarray(f.landmarks_LP, np.float64) for f in found if f.landmarks_LP is not None]
    return mean_shape(shapes, shapes[0])


def make_template(clips: Sequence[Path], finder: LandmarkFinder) -> Doubles:
    """Return the template (68, 2) in crop pixels."""
    people = [symmetric(person_shape(clip, finder)) for clip in clips]
    return fitted_to_crop(symmetric(mean_shape(people, people[0])))


def main(arguments: Sequence[str]) -> None:
    """Write the template of the clips named on the command line."""
    output, root, pack, *clips = arguments
    finder = build_finder(LandmarksConfig(backend="insightface", root=Path(root), pack=pack))
    points = make_template([Path(clip) for clip in clips], finder)
    header = [
        "# Average frontal face: 68 landmarks (iBUG order) in pixels of a 128 x 128 crop.",
        "# Made by emotalk/faces/make_template.py as the symmetrised Procrustes mean of the people",
        f"# in {len(clips)} clips: {', '.join(Path(clip).name for clip in clips)}",
        f"# with landmarks of the insightface pack {pack}.",
        "x,y",
    ]
    rows = [f"{x:.4f},{y:.4f}" for x, y in points]
    Path(output).write_text("\n".join([*header, *rows]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
