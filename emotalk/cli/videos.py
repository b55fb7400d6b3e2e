"""Define the commands that make videos, one or through a web page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emotalk.cli.options import (
    PACK,
    ROOT,
    DetectorOption,
    Device,
    DeviceOption,
    FinderOption,
    LandmarkerOption,
    OptionalCheckpointOption,
    PackOption,
    RootOption,
    landmarks_config,
)
from emotalk.cli.terminal import progress_bar, say

if TYPE_CHECKING:
    from emotalk.checkpoints.load import LoadedGenerator


def generate(
    image: Annotated[Path, typer.Option(help="Picture of one face: PNG, JPEG, BMP, WebP, TIFF.")],
    audio: Annotated[Path, typer.Option(help="Speech: any audio file, or a video with sound.")],
    emotion: Annotated[
        str, typer.Option(help="NAME, NAME:INTENSITY or SECONDS=NAME[:INTENSITY],...")
    ],
    output: Annotated[Path, typer.Option(help="The MP4 file to write (H.264 and AAC).")],
    checkpoint: OptionalCheckpointOption = None,
    landmarks: FinderOption = "insightface",
    pack: PackOption = PACK,
    root: RootOption = ROOT,
    detector: DetectorOption = None,
    landmarker: LandmarkerOption = None,
    face: Annotated[
        str | None,
        typer.Option(help="Face to use if there are several: largest, or 0, 1, ... by size."),
    ] = None,
    scale: Annotated[
        int, typer.Option(min=1, max=4, help="Side of the video in units of 128 pixels.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same video.")] = 0,
    device: DeviceOption = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUTPUT.")] = False,
) -> None:
    """Make a video of a face that says a recording of speech with an emotion.

    The video has the length of the recording, 25 frames a second and 128 x 128 pixels. A timeline
    changes the emotion on the way; each change fades in within 0.4 s.

    \b
    emotalk generate --image me.jpg --audio hello.wav --emotion happiness --output hello.mp4
    emotalk generate ... --checkpoint run
    emotalk generate ... --emotion anger:0.5
    emotalk generate ... --emotion 0=neutral,1.5=anger:0.8
    emotalk generate ... --image crop.png --landmarks aligned
    emotalk generate ... --image group.jpg --face largest --scale 2
    """
    from emotalk.inference.talking_video import VideoRequest, make_video
    from emotalk.inference.video import check_output

    check_output(output, overwrite=overwrite)
    request = VideoRequest(
        image=image,
        audio=audio,
        emotion=emotion,
        output=output,
        landmarks=landmarks_config(landmarks, pack, root, detector, landmarker),
        face=face,
        seed=seed,
        scale=scale,
        overwrite=overwrite,
    )
    loaded, model = _load(checkpoint, device)
    with progress_bar("generating frames") as progress:
        report = make_video(request, loaded, progress=progress)
    say(str(report))
    say(model)


def app(
    checkpoint: OptionalCheckpointOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 7860,
    landmarks: FinderOption = "insightface",
    pack: PackOption = PACK,
    root: RootOption = ROOT,
    detector: DetectorOption = None,
    landmarker: LandmarkerOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Serve a web page that makes videos: choose a face, a recording and an emotion, and watch.

    Limits: 200 MiB a file, 10 minutes of speech, 8 uploads at once (each within 10 minutes and
    without a pause of 20 s) and 8 waiting orders. More is answered with 413, 408 or 429. An order
    that no browser asks about for 5 minutes is dropped. Uploads are deleted when the server ends.

    \b
    emotalk app
    emotalk app --checkpoint run
    """
    from emotalk.inference.app import serve

    finder = landmarks_config(landmarks, pack, root, detector, landmarker)
    loaded, model = _load(checkpoint, device)
    say(model)
    serve(loaded, finder, host=host, port=port)


def _load(checkpoint: Path | None, device: Device) -> tuple["LoadedGenerator", str]:
    """Return the generator of a checkpoint, or the example model, and a line on what it knows."""
    from emotalk.checkpoints.knowledge import what_it_knows
    from emotalk.checkpoints.load import load_generator
    from emotalk.pretrained.example_model import example_folder

    folder = example_folder() if checkpoint is None else checkpoint
    loaded = load_generator(folder, device=device)
    name = str(folder) if checkpoint else "the example that comes with emotalk (no --checkpoint)"
    return loaded, f"model: {name}; it knows {what_it_knows(loaded.facts)}"
