"""Examine the files of models: a checkpoint, landmark packs, VGG-19's weights."""

from pathlib import Path

from emotalk.config.losses import vgg19_file
from emotalk.doctor.finding import Finding, run_python
from emotalk.fetch import VGG19_SHA256
from emotalk.files.checksums import file_sha256

PACKS = Path("~/.insightface/models")
CHECKPOINT = "checkpoint"
LOAD = """
import sys
from pathlib import Path
from emotalk.errors import WrongUse
try:
    from emotalk.checkpoints.knowledge import what_it_knows
    from emotalk.checkpoints.load import load_generator
    from emotalk.pretrained.example_model import example_folder
    folder = Path(sys.argv[1]) if sys.argv[1] else example_folder()
    print(f"{folder}: knows {what_it_knows(load_generator(folder).facts)}")
except WrongUse as error:
    sys.exit(str(error))
"""
OPEN_PACK = """
import sys
from pathlib import Path
from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse
try:
    from emotalk.faces.backends import build_landmark_detector
    root, pack = sys.argv[1:]
    build_landmark_detector(LandmarksConfig(backend="insightface", root=Path(root), pack=pack))
except WrongUse as error:
    sys.exit(str(error))
"""


def examine_checkpoint(checkpoint: Path | None) -> Finding:
    """Return whether a model loads; None: the example that comes with the package."""
    said = run_python(LOAD, "" if checkpoint is None else str(checkpoint))
    if said.ok:
        return Finding(CHECKPOINT, "ok", said.line)
    if checkpoint is None:
        return Finding(
            CHECKPOINT,
            "note",
            "no example model in this installation",
            "train one (make demo), and name it: emotalk doctor --checkpoint RUN",
        )
    remedy = "name a run folder, a checkpoint or the folder of emotalk export"
    return Finding(CHECKPOINT, "lacks", said.line, remedy, required=True)


def examine_packs(folder: Path) -> Finding:
    """Return which of insightface's model packs are in `folder`, and whether they find faces."""
    names = sorted({model.parent.name for model in folder.glob("*/*.onnx")})
    if not names:
        return Finding(
            "landmark packs",
            "note",
            f"none in {folder}",
            "needed for photographs, not for drawn faces; name a folder you have with --root and "
            "--pack, or fetch buffalo_l once with internet: "
            "python -c \"from insightface.app import FaceAnalysis; FaceAnalysis('buffalo_l')\"",
        )
    faults = {}
    for name in names:
        said = run_python(OPEN_PACK, str(folder.parent), name)
        if not said.ok:
            faults[name] = said.line
    usable = [name for name in names if name not in faults]
    if faults:
        detail = "; ".join(f"{name} cannot be used: {fault}" for name, fault in faults.items())
        more = f"; usable: {', '.join(usable)}" if usable else ""
        return Finding("landmark packs", "note", f"{detail}{more}", "get the pack again")
    return Finding("landmark packs", "ok", f"{', '.join(usable)} in {folder}")


def examine_vgg19(path: Path | None = None) -> Finding:
    """Return whether VGG-19's weights are where trainings look for them, whole."""
    path = vgg19_file() if path is None else path
    use = "torchvision's weights, which the perceptual loss of training compares pictures with"
    if not path.is_file():
        return Finding("VGG-19", "note", f"no {path} ({use})", "emotalk fetch vgg19 (0.6 GB, once)")
    if not file_sha256(path).startswith(VGG19_SHA256):
        return Finding(
            "VGG-19",
            "note",
            f"{path} is another or a damaged file",
            "move it away, then: emotalk fetch vgg19",
        )
    return Finding("VGG-19", "ok", f"{path} ({use})")
