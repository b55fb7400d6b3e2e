"""Define the options that several commands share, and the landmark model they choose."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from emotalk.cli.terminal import say
from emotalk.errors import WrongUse

if TYPE_CHECKING:
    from emotalk.config.etl import LandmarksConfig

LandmarkModel = Literal["insightface", "onnx", "aligned"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16"]
PACK, ROOT = "buffalo_l", Path("~/.insightface")  # insightface's own
CheckpointOption = Annotated[
    Path,
    typer.Option(
        help="Run folder (its newest), RUN/checkpoints/best, a checkpoint, or an exported model."
    ),
]
OptionalCheckpointOption = Annotated[
    Path | None,
    typer.Option(
        help="Run folder, checkpoint or exported model; without it the example "
        "model that comes with the package, which knows drawn faces."
    ),
]
FinderOption = Annotated[
    LandmarkModel,
    typer.Option(
        help="Model that finds the face; aligned: the picture is a 128 x 128 crop already."
    ),
]
PackOption = Annotated[str, typer.Option(help="insightface: name of the model pack.")]
RootOption = Annotated[Path, typer.Option(help="insightface: the folder that holds models/PACK.")]
DetectorOption = Annotated[Path | None, typer.Option(help="onnx: a YuNet model file.")]
LandmarkerOption = Annotated[Path | None, typer.Option(help="onnx: a 68-point model file.")]
DeviceOption = Annotated[Device, typer.Option(help="auto: the first CUDA device, else the CPU.")]
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        help="auto: bfloat16 on a CPU that has it, if the first frames stay within one grey level "
        "of float32's."
    ),
]


def landmarks_config(
    finder: LandmarkModel, pack: str, root: Path, detector: Path | None, landmarker: Path | None
) -> "LandmarksConfig | None":
    """Return the landmark model that finds faces, or None if pictures are aligned already.

    Warn of options that this model does not use.

    Raises:
        WrongUse: a model file is missing.
    """
    from emotalk.config.etl import LandmarksConfig
    from emotalk.config.load import validate

    used_by = {
        "--pack": ("insightface", pack != PACK),
        "--root": ("insightface", root != ROOT),
        "--detector": ("onnx", detector is not None),
        "--landmarker": ("onnx", landmarker is not None),
    }
    for option, (user, is_given) in used_by.items():
        if is_given and finder != user:
            say(
                f"{option} is used by --landmarks {user} alone: not used with --landmarks {finder}",
                err=True,
            )
    if finder == "aligned":
        return None
    missing = [
        option
        for option, file in (("--detector", detector), ("--landmarker", landmarker))
        if finder == "onnx" and file is None
    ]
    if missing:
        raise WrongUse(
            f"--landmarks onnx: {' and '.join(missing)} missing; name a YuNet detector and a "
            "68-point model: --detector FILE.onnx --landmarker FILE.onnx"
        )
    given = {
        "backend": finder,
        "pack": pack,
        "root": root,
        "detector": detector,
        "landmarker": landmarker,
    }
    return validate(LandmarksConfig, given, "--landmarks")
