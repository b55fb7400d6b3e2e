"""Make `template_68.csv`: the mean face shape of several people, symmetric and fitted to the crop.

    python -m emotalk.faces.make_template OUT.csv ROOT PACK CLIP...

Give one frontal clip for each person. The landmarks of every fifth frame are averaged per person
after Procrustes alignment, then the people are averaged, so that a longer clip has no more weight.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emotalk.config.etl import LandmarksConfig
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.landmarks import LandmarkDetector
from emotalk.faces.shape import mean_shape
from emotalk.faces.template import fitted_to_crop, symmetric
from emotalk.media.frames import read_video
from emotalk.schema import Doubles

EVERY = 5


def person_shape(clip: Path, detector: LandmarkDetector) -> Doubles:
    """Return the mean shape (68, 2) of the one person in a clip, in frame pixels of its start."""
    video = read_video(clip)
    found = detector.detect(list(video.at(range(0, len(video), EVERY))))
    shapes = [np.asarray(f.landmarks_LP, np.float64) for f in found if f.landmarks_LP is not None]
    return mean_shape(shapes, shapes[0])


def make_template(clips: Sequence[Path], detector: LandmarkDetector) -> Doubles:
    """Return the template (68, 2) in crop pixels."""
    people = [symmetric(person_shape(clip, detector)) for clip in clips]
    return fitted_to_crop(symmetric(mean_shape(people, people[0])))


def main(arguments: Sequence[str]) -> None:
    """Write the template of the clips named on the command line."""
    output, root, pack, *clips = arguments
    detector = build_landmark_detector(
        LandmarksConfig(backend="insightface", root=Path(root), pack=pack)
    )
    points = make_template([Path(clip) for clip in clips], detector)
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
