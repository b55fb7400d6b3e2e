"""The `emotalk` command: every sub-command gathers its arguments and calls a function elsewhere."""
# ruff: noqa: PLC0415  libraries that take long to load are imported inside the commands
# ruff: noqa: D301  \b keeps the lines of an example apart in the help

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emotalk.errors import EXIT_FAILED, EXIT_WRONG_USE, Stopped, WrongUse, refused_name
from emotalk.home import ensure_home
from emotalk.masking import masked, masked_setting
from emotalk.openmp import choose_waiting
from emotalk.printable import printable_lines

if TYPE_CHECKING:
    from emotalk.config.etl import LandmarksConfig

WITH_NETWORKS = {"app", "evaluate", "generate"}

cli = typer.Typer(
    name="emotalk",
    help="One face image, one recording of speech and one emotion become a talking, feeling face.",
    epilog="Every command explains itself, with examples: emotalk generate --help",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Split(StrEnum):
    """The parts of a shard set."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class Layout(StrEnum):
    """Corpora whose folders and names a drawn corpus can have."""

    CREMA_D = "crema_d"
    MEAD = "mead"


class FaceFinder(StrEnum):
    """Back ends that find the face in a picture."""

    INSIGHTFACE = "insightface"
    ONNX = "onnx"
    ALIGNED = "aligned"


class Device(StrEnum):
    """Devices that networks can run on."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Weights(StrEnum):
    """Files that can be downloaded."""

    VGG19 = "vgg19"


class ChannelOrder(StrEnum):
    """Of the pictures that weights were trained on."""

    RGB = "rgb"
    BGR = "bgr"


PACK, ROOT = "buffalo_l", Path("~/.insightface")  # insightface's own
CheckpointOption = Annotated[
    Path,
    typer.Option(
        help="Run folder (its newest), RUN/checkpoints/best, a checkpoint, or an exported model."
    ),
]
FinderOption = Annotated[
    FaceFinder,
    typer.Option(help="Who finds the face; aligned: the picture is a 128 x 128 crop already."),
]
PackOption = Annotated[str, typer.Option(help="insightface: name of the model pack.")]
RootOption = Annotated[Path, typer.Option(help="insightface: the folder that holds models/PACK.")]
DetectorOption = Annotated[Path | None, typer.Option(help="onnx: a YuNet model file.")]
LandmarkerOption = Annotated[Path | None, typer.Option(help="onnx: a 68-point model file.")]
DeviceOption = Annotated[Device, typer.Option(help="auto: the first CUDA device, else the CPU.")]


def main() -> None:
    """Run the command line; wrong use is one message and exit 2, anything else a traceback."""
    from emotalk.logging_setup import set_up_logging

    if sys.argv[1:] and sys.argv[1] in WITH_NETWORKS:
        choose_waiting()  # before torch loads
    ensure_home()
    set_up_logging()
    try:
        cli(prog_name="emotalk")
    except WrongUse as error:
        _say(masked(f"emotalk: {error}"), err=True)
        sys.exit(EXIT_WRONG_USE)
    except Stopped as error:
        _say(masked(f"emotalk: {error}"), err=True)
        sys.exit(EXIT_FAILED)
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except OSError as error:
        refused = refused_name(error)
        if refused is None:
            raise
        _say(masked(f"emotalk: {refused}"), err=True)
        sys.exit(EXIT_WRONG_USE)


@cli.command(short_help="Draw a corpus of talking, feeling faces.")
def synth(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the corpus.")],
    actors: Annotated[int, typer.Option(help="How many different people.")] = 12,
    seed: Annotated[int, typer.Option(help="The same seed draws the same corpus.")] = 0,
    clips_per_actor: Annotated[
        int | None,
        typer.Option(help="Clips of each person: CREMA-D 1 to 82 (24), MEAD 1 to 192 (16)."),
    ] = None,
    layout: Annotated[Layout, typer.Option(help="Whose folders and names.")] = Layout.CREMA_D,
    height: Annotated[
        int | None, typer.Option(help="Of MEAD's frames in pixels, 1080 unless told.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes; 0: one for each core.")] = 0,
) -> None:
    """Draw a corpus of talking, feeling faces in the layout of CREMA-D or MEAD.

    Nothing is downloaded. The exact 68 landmarks lie beside every clip. A run that was stopped
    goes on where it was.

    \b
    emotalk synth corpus --actors 12 --seed 1
    python etl/shard.py configs/etl/crema_d.yaml source=corpus output=shards \\
        landmarks.backend=sidecar
    emotalk synth mead --layout mead --actors 3 --height 360
    """
    from emotalk.synthetic.corpus import write_corpus
    from emotalk.synthetic.mead import write_mead

    if height is not None and layout is not Layout.MEAD:
        raise WrongUse("--height is of --layout mead; CREMA-D's frames are 480x360")
    given = {"clips_per_actor": clips_per_actor, "height": height}
    sizes = {name: value for name, value in given.items() if value is not None}
    write: Callable[..., list[Any]] = write_mead if layout is Layout.MEAD else write_corpus
    with _progress("drawing clips") as progress:
        clips = write(output, actors=actors, seed=seed, workers=workers, progress=progress, **sizes)
    _say(f"{output}: {len(clips)} clips of {actors} actors, seed {seed}")


@cli.command(short_help="Sum up and check a shard set.")
def inspect(
    shards: Annotated[str, typer.Argument(metavar="SHARDS", help="Folder of a shard set.")],
    contact_sheet: Annotated[
        Path | None, typer.Option(help="Write a picture of its faces to this PNG file.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the picture if it is there already.")
    ] = False,
) -> None:
    """Sum up a shard set and check every hash and count of it; exit 1 on any fault.

    The picture shows first frames with their landmarks, a row for each emotion.

    \b
    emotalk inspect shards
    emotalk inspect shards --contact-sheet faces.png
    """
    from emotalk.shards.inspect import inspect as inspect_shards

    report = inspect_shards(shards, contact_sheet=contact_sheet, overwrite=overwrite)
    _say(str(report))
    if report.faults:
        raise typer.Exit(EXIT_FAILED)


@cli.command(short_help="Measure a generator on unseen clips.")
def evaluate(
    checkpoint: CheckpointOption,
    shards: Annotated[str, typer.Option(help="Folder or URL of a shard set.")],
    output: Annotated[Path, typer.Option(help="Folder for report.json, report.md and plots.")],
    split: Annotated[Split, typer.Option(help="Which part of the shard set.")] = Split.TEST,
    config: Annotated[
        Path | None, typer.Option(help="YAML file with more settings; configs/evaluate has some.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings on top.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the settings, print them and stop.")
    ] = False,
) -> None:
    """Measure a generator on clips it has never seen, beside the mandatory baselines.

    \b
    emotalk evaluate --checkpoint run --shards shards --split test --output report
    emotalk evaluate --checkpoint run --shards shards --output report clips=40 seed=1
    emotalk evaluate --config configs/evaluate/photographs.yaml --checkpoint run \\
        --shards shards --output report finder.root=/data/insightface
    """
    from rich.console import Console

    from emotalk.config.evaluate import EvaluateConfig
    from emotalk.config.load import dump_config, load_config

    given = {"checkpoint": checkpoint, "shards": shards, "output": output, "split": split}
    named = [f"{key}={json.dumps(str(value))}" for key, value in given.items()]
    settings = load_config(EvaluateConfig, config, [*named, *(overrides or [])])
    if dry_run:
        typer.echo(dump_config(settings), nl=False)
        return
    from emotalk.evaluation.evaluate import evaluate as run_evaluation
    from emotalk.evaluation.report import summary_table

    report = run_evaluation(settings)
    Console().print(summary_table(report))
    for task, judge in report.judges.items():
        _say(f"{task}: {judge}")
    _say(f"report: {output / 'report.md'}")


@cli.command(short_help="Make a video of a face, speech and emotion.")
def generate(
    checkpoint: CheckpointOption,
    image: Annotated[Path, typer.Option(help="Picture of one face: PNG, JPEG, BMP, WebP, TIFF.")],
    audio: Annotated[Path, typer.Option(help="Speech: any audio file, or a video with sound.")],
    emotion: Annotated[
        str, typer.Option(help="NAME, NAME:INTENSITY or SECONDS=NAME[:INTENSITY],...")
    ],
    output: Annotated[Path, typer.Option(help="The MP4 file to write (H.264 and AAC).")],
    landmarks: FinderOption = FaceFinder.INSIGHTFACE,
    pack: PackOption = PACK,
    root: RootOption = ROOT,
    detector: DetectorOption = None,
    landmarker: LandmarkerOption = None,
    face: Annotated[
        str | None, typer.Option(help="Which of several faces: largest, or 0, 1, ... by size.")
    ] = None,
    scale: Annotated[
        int, typer.Option(min=1, max=4, help="Side of the video in units of 128 pixels.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same video.")] = 0,
    device: DeviceOption = Device.AUTO,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUTPUT.")] = False,
) -> None:
    """Make a video: this face says this speech with this emotion.

    The whole recording is spoken, at 25 frames a second and 128 x 128 pixels. A time line changes
    the emotion on the way, each change fading in within 0.4 s.

    \b
    emotalk generate --checkpoint run --image me.jpg --audio hello.wav \\
        --emotion happiness --output hello.mp4
    emotalk generate ... --emotion anger:0.5
    emotalk generate ... --emotion 0=neutral,1.5=anger:0.8
    emotalk generate ... --image crop.png --landmarks aligned
    emotalk generate ... --image group.jpg --face largest --scale 2
    """
    from emotalk.checkpoints.load import load_generator
    from emotalk.inference.talking_video import VideoRequest, make_video
    from emotalk.inference.video import check_output

    check_output(output, overwrite=overwrite)
    request = VideoRequest(
        image=image,
        audio=audio,
        emotion=emotion,
        output=output,
        landmarks=_landmarks(landmarks, pack, root, detector, landmarker),
        face=face,
        seed=seed,
        scale=scale,
        overwrite=overwrite,
    )
    loaded = load_generator(checkpoint, device=device.value)
    with _progress("generating frames") as progress:
        report = make_video(request, loaded, progress=progress)
    _say(str(report))


@cli.command(short_help="Write a trained generator as a folder to hand out.")
def export(
    checkpoint: CheckpointOption,
    output: Annotated[Path, typer.Option(help="New folder for weights and model card.")],
    register: Annotated[
        str | None, typer.Option(metavar="NAME", help="Also a version of this model in MLflow.")
    ] = None,
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow's server; the run's own unless told.")
    ] = None,
) -> None:
    """Write a trained generator as a folder to hand out: weights, description, model card.

    The weights are the running average where training kept one. The folder serves as --checkpoint.

    \b
    emotalk export --checkpoint run --output model
    emotalk export --checkpoint run --output model --register talking-face
    """
    from emotalk.checkpoints.export import export_model
    from emotalk.config.tracking import MlflowConfig

    exported = export_model(checkpoint, output)
    _say(f"{output}: generator of {exported.origin.name}; its card is {output / 'README.md'}")
    if register is None:
        return
    from emotalk.tracking.mlflow import tracking_uri as default_uri
    from emotalk.tracking.registry import register_model

    own = tracking_uri is None or masked_setting(tracking_uri) == exported.mlflow_uri
    model = register_model(
        output,
        register,
        uri=tracking_uri or exported.mlflow_uri or default_uri(MlflowConfig()),
        run_id=exported.mlflow_run if own else "",
        experiment=MlflowConfig().experiment,
    )
    _say(f"registered: {model}")


@cli.command("import-original", short_help="Take over the original's public weights.")
def import_original(
    source: Annotated[Path, typer.Argument(metavar="GENERATOR.PT", help="The original's file.")],
    output: Annotated[Path, typer.Option(help="New folder for the model.")],
    channel_order: Annotated[
        ChannelOrder, typer.Option(help="Of the pictures the weights were trained on.")
    ] = ChannelOrder.RGB,
) -> None:
    """Turn the original's public generator (Eskimez et al. 2021) into a model of ours.

    \b
    emotalk import-original generator.pt --output original
    emotalk generate --checkpoint original --image me.jpg --audio hello.wav \\
        --emotion sadness --output hello.mp4
    """
    from emotalk.checkpoints.import_original import import_original as run_import

    config = run_import(source, output, channel_order=channel_order.value)
    _say(f"{output}: generator with filters {config.generator.filters}")


@cli.command(short_help="Download weights that training can use.")
def fetch(
    what: Annotated[Weights, typer.Argument(help="Whose weights.")],
    output: Annotated[
        Path | None, typer.Option(help="The file; where trainings look for it unless told.")
    ] = None,
) -> None:
    """Download torchvision's VGG-19 (575 MB) for the perceptual loss, and check its hash.

    A download that was cut off goes on where it was when it is started again.

    \b
    emotalk fetch vgg19
    emotalk fetch vgg19 --output /data/vgg19-dcbb9e9d.pth
    """
    from emotalk.fetch import fetch_vgg19

    with _progress(f"fetching {what.value}") as progress:
        path = fetch_vgg19(output, progress=progress)
    typer.echo(f"{path}: VGG-19, its hash is right")
    if output is not None:
        typer.echo(f"train with losses.perceptual.weights={path}")


@cli.command(short_help="Serve a web page that makes videos.")
def app(
    checkpoint: CheckpointOption,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 7860,
    landmarks: FinderOption = FaceFinder.INSIGHTFACE,
    pack: PackOption = PACK,
    root: RootOption = ROOT,
    detector: DetectorOption = None,
    landmarker: LandmarkerOption = None,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Serve a web page that makes videos: choose a face, a recording and an emotion, and watch.

    What browsers may take is limited: 200 MiB a file, 10 minutes of speech, 8 uploads at once (each
    within 10 minutes and without a pause of 20 s) and 8 orders that wait for the one in work. What
    nobody asks after for 5 minutes is given up. More is answered with 413, 408 or 429. What was
    sent goes when the server ends.

    \b
    emotalk app --checkpoint run
    """
    from emotalk.checkpoints.load import load_generator
    from emotalk.inference.app import serve

    finder = _landmarks(landmarks, pack, root, detector, landmarker)
    loaded = load_generator(checkpoint, device=device.value)
    serve(loaded, finder, host=host, port=port)


@cli.command(short_help="Say what this machine has and lacks.")
def doctor() -> None:
    """Say what this machine has and lacks for each part of the project; exit 1 if it lacks a must.

    \b
    emotalk doctor
    """
    from emotalk.doctor import examine, table

    _say("loading every library once, this takes a moment", err=True)
    findings = examine()
    _say(table(findings))
    if any(finding.is_fatal for finding in findings):
        raise typer.Exit(EXIT_FAILED)


def _landmarks(
    finder: FaceFinder, pack: str, root: Path, detector: Path | None, landmarker: Path | None
) -> "LandmarksConfig | None":
    """Return who finds faces; None where pictures are aligned already."""
    from emotalk.config.etl import LandmarksConfig
    from emotalk.config.load import validate

    _say_unused(finder, pack, root, detector, landmarker)
    if finder is FaceFinder.ALIGNED:
        return None
    given = {
        "backend": finder.value,
        "pack": pack,
        "root": root,
        "detector": detector,
        "landmarker": landmarker,
    }
    return validate(LandmarksConfig, given, "--landmarks")


def _say_unused(
    finder: FaceFinder, pack: str, root: Path, detector: Path | None, landmarker: Path | None
) -> None:
    """Say which options were given that the chosen finder of faces does not use."""
    given = {
        "--pack": (FaceFinder.INSIGHTFACE, pack != PACK),
        "--root": (FaceFinder.INSIGHTFACE, root != ROOT),
        "--detector": (FaceFinder.ONNX, detector is not None),
        "--landmarker": (FaceFinder.ONNX, landmarker is not None),
    }
    for option, (user, is_given) in given.items():
        if is_given and finder is not user:
            _say(
                f"{option} is used by --landmarks {user} alone: not used with --landmarks {finder}",
                err=True,
            )


def _say(text: str, *, err: bool = False) -> None:
    """Write lines to standard output or error; what a terminal would act upon is escaped."""
    typer.echo(printable_lines(text), err=err)


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error; yields its update, called with (done, in all)."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


if __name__ == "__main__":
    main()
