"""Find the files of the landmark model that found a shard set's own landmarks."""

from pathlib import Path
from typing import Any, Literal

from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse
from emotalk.faces.model_files import model_files, models_sha256, packs_in
from emotalk.printable import quoted
from emotalk.shards.manifest import Manifest

Detector = Literal["insightface", "onnx"]
LONGEST_PATH = 4096  # characters
WITHOUT = "landmarks=none leaves every figure of landmarks out"


def find_files(detector: Detector, places: Any, pack: str) -> dict[str, Path]:
    """Return the settings `root`, or `detector` and `landmarker`, whose files are here.

    Args:
        detector: the back end.
        places: the manifest's word on where the ETL found them, of any kind.
        pack: name of insightface's pack.
    """
    said = places if isinstance(places, dict) else {}
    names = ("root",) if detector == "insightface" else ("detector", "landmarker")
    found: dict[str, Path] = {}
    for name in names:
        place = said.get(name)
        if isinstance(place, str) and len(place) <= LONGEST_PATH and "\0" not in place:
            path = Path(place)
            here = (
                any((path / "models" / pack).glob("*.onnx")) if name == "root" else _is_model(path)
            )
            if here:
                found[name] = path
    return found


def refuse_missing_files(
    landmarks: str, finder: LandmarksConfig, subject: str, otherwise: str = WITHOUT
) -> None:
    """Refuse a detector whose files are not there; other kinds of landmarks need none.

    Args:
        landmarks: the kind.
        finder: says where the files are.
        subject: what is measured, the first word of the message.
        otherwise: what else can be done, its last words.

    Raises:
        WrongUse: the message names the settings that say where they are.
    """
    if landmarks == "insightface":
        folder = finder.root / "models" / finder.pack
        if not model_files(finder.model_copy(update={"backend": landmarks})):
            packs = packs_in(finder.root.expanduser())
            known = f" ({finder.root} has {', '.join(map(quoted, packs))})" if packs else ""
            raise WrongUse(
                f"{subject}: landmarks are measured by insightface's pack {quoted(finder.pack)}, "
                f"and {folder} holds no .onnx file; give finder.root=FOLDER, the folder that holds "
                f"models/{finder.pack}, or another pack by finder.pack=NAME{known}; {otherwise}"
            )
    if landmarks != "onnx":
        return
    for name in ("detector", "landmarker"):
        path: Path | None = getattr(finder, name)
        if path is None or not path.is_file():
            what = "is not given" if path is None else f"{path} is not there"
            raise WrongUse(
                f"{subject}: landmarks are measured by two ONNX files, and finder.{name} {what}; "
                "give finder.detector=YUNET.onnx finder.landmarker=MODEL.onnx, the files that the "
                f"ETL takes as landmarks.detector and landmarks.landmarker; {otherwise}"
            )


def other_files_warning(landmarks: str, finder: LandmarksConfig, manifest: Manifest) -> str | None:
    """Return a warning if the landmark model's files are not those that made the set, or None."""
    made_by = manifest.config.get("models_sha256")
    facts = manifest.config.get("landmarks")
    backend = facts.get("backend") if isinstance(facts, dict) else None
    if landmarks not in {"insightface", "onnx"} or not isinstance(made_by, str):
        return None
    if (
        backend == landmarks
        and models_sha256(finder.model_copy(update={"backend": landmarks})) == made_by
    ):
        return None
    return (
        "The landmark model is another one than that which found this set's own landmarks. True "
        "and generated frames are measured alike, so rows can be compared with each other, but "
        "not with reports that used the set's own."
    )


def _is_model(path: Path) -> bool:
    return path.suffix == ".onnx" and path.is_file()
