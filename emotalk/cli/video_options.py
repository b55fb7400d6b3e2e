"""Define the options of the command that makes videos."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
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
emotalk generate --batch jobs.csv --processes 4
"""
ImageOption = Annotated[
    Path | None, typer.Option(help="Picture of a face: PNG, JPEG, BMP, WebP, TIFF.")
]
AudioOption = Annotated[
    Path | None, typer.Option(help="Speech: any audio file, or a video with sound.")
]
EmotionOption = Annotated[
    str | None,
    typer.Option(
        help="An emotion (happy), a weaker one (happy:0.5), a mixture (happy:0.6+fear:0.4), or a "
        "time line of them (0=neutral,1.5=angry)."
    ),
]
AllEmotionsOption = Annotated[
    bool,
    typer.Option("--all-emotions", help="A panel for each emotion of the model, in one video."),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(help="The file to write: .mp4 (H.264), .webm (VP9), or .gif (without sound)."),
]
FaceOption = Annotated[
    str | None,
    typer.Option(help="Face to use if there are several: largest, or 0, 1, ... by size."),
]
PasteBackOption = Annotated[
    bool,
    typer.Option(
        "--paste-back/--crop", help="Show the whole picture with the talking face, or the face."
    ),
]
LongSideOption = Annotated[
    int | None,
    typer.Option(
        min=64,
        max=8192,
        show_default="1920, with --all-emotions 640 of each",
        help="--paste-back: most pixels of the picture's longer side.",
    ),
]
ScaleOption = Annotated[
    int, typer.Option(min=1, max=4, help="--crop: side of the video in units of 128 pixels.")
]
SeedOption = Annotated[int, typer.Option(help="The same seed gives the same video.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace OUTPUT.")]
BatchOption = Annotated[
    Path | None,
    typer.Option(
        help="CSV table of many videos: columns image, audio, emotion, output, and if wanted "
        "intensity, seed. Paths count from its folder. Videos made before are skipped."
    ),
]
ProcessesOption = Annotated[
    int, typer.Option(min=1, max=256, help="--batch: videos made at once; CUDA devices in turn.")
]
