"""Define the commands that make videos, one or through a web page."""

from dataclasses import dataclass
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
    BatchOption,
    EmotionOption,
    FaceOption,
    ImageOption,
    LongSideOption,
    OutputOption,
    OverwriteOption,
    PasteBackOption,
    ProcessesOption,
    ScaleOption,
    SeedOption,
)
from emotalk.errors import Stopped, WrongUse

PASSWORD_VARIABLE = "EMOTALK_APP_PASSWORD"  # noqa: S105  a name

if TYPE_CHECKING:
    from emotalk.checkpoints.load import LoadedGenerator
    from emotalk.inference.talking_video import VideoRequest


def generate(
    image: ImageOption = None,
    audio: AudioOption = None,
    emotion: EmotionOption = None,
    output: OutputOption = None,
    all_emotions: AllEmotionsOption = False,
    batch: BatchOption = None,
    processes: ProcessesOption = 1,
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
    """
    from emotalk.inference.talking_video import VideoRequest

    wish = _Wish(image, audio, emotion, output, all_emotions, processes)
    inputs = (Path(), Path(), "", Path()) if batch is not None else wish.inputs(overwrite)
    request = VideoRequest(
        *inputs,
        landmarks=landmarks_config(landmarks, pack, root, detector, landmarker),
        face=face,
        seed=seed,
        scale=scale,
        overwrite=overwrite,
        paste_back=paste_back,
        long_side=long_side,
        precision=precision,
    )
    if batch is None:
        _make_one(request, checkpoint, device)
    else:
        wish.refuse_beside_table()
        _make_batch(batch, request, checkpoint, device, processes)


def _make_one(request: "VideoRequest", checkpoint: Path | None, device: Device) -> None:
    from emotalk.inference.talking_video import make_video

    loaded, model = _load(checkpoint, device)
    with progress_bar("generating frames") as progress:
        report = make_video(request, loaded, progress=progress)
    say(str(report))
    say(model)


def _make_batch(
    table: Path, template: "VideoRequest", checkpoint: Path | None, device: Device, processes: int
) -> None:
    """Make the videos of a table, print how each row ended, and raise `Stopped` if some failed."""
    from emotalk.inference.batch import Outcome, run_here, summary
    from emotalk.inference.batch_processes import ModelPlace, run_shared
    from emotalk.inference.batch_table import read_batch

    def show(outcome: Outcome) -> None:
        say(str(outcome), err=outcome.state == "failed")

    rows = read_batch(table, template)
    loaded, model = _load(checkpoint, device)
    say(model)
    if processes == 1:
        outcomes = run_here(rows, loaded, show)
    else:
        place = ModelPlace(loaded.folder, device)
        del loaded
        outcomes = run_shared(rows, place, show, processes=processes)
    text = summary(table, outcomes)
    if any(outcome.state == "failed" for outcome in outcomes):
        raise Stopped(
            f"{text}; the reasons stand above; mend these rows and run the same command again, "
            "which keeps what is made"
        )
    say(text)


@dataclass(frozen=True)
class _Wish:
    """The options that say what one video is made of, as given."""

    image: Path | None
    audio: Path | None
    emotion: str | None
    output: Path | None
    all_emotions: bool
    processes: int

    def inputs(self, overwrite: bool) -> tuple[Path, Path, str | None, Path]:
        """Return what a video is made of; the emotion is None where each is wanted.

        Raises:
            WrongUse: something is missing, options exclude each other, or the output cannot be
                written.
        """
        from emotalk.inference.video import check_output

        if self.processes != 1:
            raise WrongUse("--processes: it shares the videos of a table; add --batch jobs.csv")
        if self.all_emotions and self.emotion is not None:
            raise WrongUse(
                f"--all-emotions and --emotion {self.emotion}: the panels show every emotion; "
                "leave one out"
            )
        given = self._given()
        if self.all_emotions:
            given.pop("--emotion")
        missing = [option for option, value in given.items() if value is None]
        if missing:
            raise WrongUse(
                f"generate: {', '.join(missing)} missing; a video needs a picture, speech, an "
                "emotion and a file to write, e.g. emotalk generate --image me.jpg --audio "
                "hello.wav --emotion happy --output hello.mp4; or --batch jobs.csv for many"
            )
        assert self.image is not None
        assert self.audio is not None
        assert self.output is not None
        check_output(self.output, overwrite=overwrite)
        return self.image, self.audio, self.emotion, self.output

    def refuse_beside_table(self) -> None:
        """Raise `WrongUse` for options whose values the rows of a table state."""
        given = [option for option, value in self._given().items() if value is not None]
        given += ["--all-emotions"] if self.all_emotions else []
        if given:
            raise WrongUse(
                f"--batch and {', '.join(given)}: the rows of the table state these; leave out "
                "one or the other"
            )

    def _given(self) -> dict[str, object]:
        return {
            "--image": self.image,
            "--audio": self.audio,
            "--emotion": self.emotion,
            "--output": self.output,
        }


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
    user: Annotated[
        str | None,
        typer.Option(help=f"Let in this user alone, with the password in ${PASSWORD_VARIABLE}."),
    ] = None,
) -> None:
    """Serve a web page that makes videos: choose a face, a recording and an emotion, and watch.

    Programs can use it too: emotalk/app/README.md. It needs no internet, reports nothing to anybody
    and has no share link; for other machines give --host, and --user with a proxy for HTTPS.

    Limits: 200 MiB a file, 10 minutes of speech, 8 uploads at once (each within 10 minutes and
    without a pause of 20 s) and 8 waiting orders. More is refused with the reason. The video of a
    page that is closed is cancelled. All files are deleted when the server ends.

    \b
    emotalk app
    emotalk app --checkpoint run
    """
    from emotalk.app.password import read_password
    from emotalk.app.server import serve

    finder = landmarks_config(landmarks, pack, root, detector, landmarker)
    password = read_password(user, variable=PASSWORD_VARIABLE)
    loaded, model = _load(checkpoint, device)
    serve(loaded, finder, host=host, port=port, model=model, password=password)


def _load(checkpoint: Path | None, device: Device) -> tuple["LoadedGenerator", str]:
    """Return the generator of a checkpoint, or the example model, and a line on what it knows."""
    from emotalk.checkpoints.knowledge import what_it_knows
    from emotalk.checkpoints.load import load_generator
    from emotalk.pretrained.example_model import example_folder

    folder = example_folder() if checkpoint is None else checkpoint
    loaded = load_generator(folder, device=device)
    name = str(folder) if checkpoint else "the example that comes with emotalk (no --checkpoint)"
    return loaded, f"model: {name}; it knows {what_it_knows(loaded.facts)}"
