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
    PrecisionOption,
    RootOption,
    landmarks_config,
)
from emotalk.cli.terminal import progress_bar, say
from emotalk.cli.video_options import (
    AllEmotionsOption,
    AudioOption,
    EmotionOption,
    FaceOption,
    ImageOption,
    LongSideOption,
    OutputOption,
    OverwriteOption,
    PasteBackOption,
    ScaleOption,
    SeedOption,
)
from emotalk.errors import WrongUse

if TYPE_CHECKING:
    from emotalk.checkpoints.load import LoadedGenerator


def generate(
    image: ImageOption = None,
    audio: AudioOption = None,
    emotion: EmotionOption = None,
    output: OutputOption = None,
    all_emotions: AllEmotionsOption = False,
    checkpoint: OptionalCheckpointOption = None,
    landmarks: FinderOption = "insightface",
    pack: PackOption = PACK,
    root: RootOption = ROOT,
    detector: DetectorOption = None,
    landmarker: LandmarkerOption = None,
    face: FaceOption = None,
    paste_back: PasteBackOption = False,
    long_side: LongSideOption = None,
    scale: ScaleOption = 1,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    overwrite: OverwriteOption = False,
) -> None:
    """Make a video of a face that says a recording of speech with an emotion.

    The video has the length of the recording and 25 frames a second. It shows the face, 128 x 128
    pixels, or with --paste-back the whole picture. In a time line each emotion fades in within
    0.4 s; with `step,` in front of it an emotion is there at once, with `linear,` it grows until
    its time.

    \b
    emotalk generate --image me.jpg --audio hello.wav --emotion happy --output hello.mp4
    emotalk generate ... --paste-back
    emotalk generate ... --checkpoint run
    emotalk generate ... --emotion angry:0.5
    emotalk generate ... --emotion happy:0.6+fear:0.4
    emotalk generate ... --emotion 0=neutral,1.5=anger:0.8
    emotalk generate ... --emotion linear,0=sad,4=happy
    emotalk generate --image me.jpg --audio hello.wav --all-emotions --output all.mp4
    emotalk generate ... --image crop.png --landmarks aligned
    emotalk generate ... --image group.jpg --face largest --scale 2
    """
    from emotalk.inference.talking_video import VideoRequest, make_video

    request = VideoRequest(
        *_inputs(image, audio, emotion, output, all_emotions=all_emotions, overwrite=overwrite),
        landmarks=landmarks_config(landmarks, pack, root, detector, landmarker),
        face=face,
        seed=seed,
        scale=scale,
        overwrite=overwrite,
        paste_back=paste_back,
        long_side=long_side,
        precision=precision,
    )
    loaded, model = _load(checkpoint, device)
    with progress_bar("generating frames") as progress:
        report = make_video(request, loaded, progress=progress)
    say(str(report))
    say(model)


def _inputs(
    image: Path | None,
    audio: Path | None,
    emotion: str | None,
    output: Path | None,
    *,
    all_emotions: bool,
    overwrite: bool,
) -> tuple[Path, Path, str | None, Path]:
    """Return what every video needs; the emotion is None where each is wanted.

    Raises:
        WrongUse: something is missing, both an emotion and all of them are asked for, or the output
            cannot be written.
    """
    from emotalk.inference.video import check_output

    if all_emotions and emotion is not None:
        raise WrongUse(
            f"--all-emotions and --emotion {emotion}: the panels show every emotion; leave one out"
        )
    given = {"--image": image, "--audio": audio, "--emotion": emotion, "--output": output}
    if all_emotions:
        given.pop("--emotion")
    if image is None or audio is None or output is None or (emotion is None and not all_emotions):
        missing = [option for option, value in given.items() if value is None]
        raise WrongUse(
            f"generate: {', '.join(missing)} missing; a video needs a picture, speech, an emotion "
            "and a file to write, e.g. emotalk generate --image me.jpg --audio hello.wav --emotion "
            "happy --output hello.mp4"
        )
    check_output(output, overwrite=overwrite)
    return image, audio, emotion, output


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
