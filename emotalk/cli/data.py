"""Define the commands that draw a corpus and check shard sets."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from emotalk.cli.terminal import progress_bar, say
from emotalk.counted import counted
from emotalk.errors import EXIT_FAILED, WrongUse


def synth(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the corpus.")],
    actors: Annotated[int, typer.Option(help="How many different people.")] = 12,
    seed: Annotated[int, typer.Option(help="The same seed draws the same corpus.")] = 0,
    clips_per_actor: Annotated[
        int | None,
        typer.Option(help="Clips of each person: CREMA-D 1 to 82 (24), MEAD 1 to 192 (16)."),
    ] = None,
    layout: Annotated[
        Literal["crema_d", "mead"], typer.Option(help="Corpus whose folders and names are used.")
    ] = "crema_d",
    height: Annotated[
        int | None, typer.Option(help="Height of MEAD's frames in pixels; default 1080.")
    ] = None,
    variety: Annotated[
        Literal["plain", "photo"],
        typer.Option(help="photo: faces, light, cameras and sound that differ as in photographs."),
    ] = "plain",
    workers: Annotated[int, typer.Option(help="Processes; 0: one for each core.")] = 0,
) -> None:
    """Draw a synthetic corpus of talking faces in the layout of CREMA-D or MEAD.

    Nothing is downloaded. The exact 68 landmarks are written beside every clip. A command that was
    stopped continues when it is started again.

    \b
    emotalk synth corpus --actors 12 --seed 1
    python etl/shard.py configs/etl/crema_d.yaml source=corpus output=shards \\
        landmarks.backend=sidecar
    emotalk synth varied --actors 60 --clips-per-actor 8 --variety photo
    emotalk synth mead --layout mead --actors 3 --height 360
    """
    from emotalk.synthetic.corpus import write_corpus
    from emotalk.synthetic.mead import write_mead

    if height is not None and layout != "mead":
        raise WrongUse("--height is of --layout mead; CREMA-D's frames are 480x360")
    given = {"clips_per_actor": clips_per_actor, "height": height}
    sizes = {name: value for name, value in given.items() if value is not None}
    write: Callable[..., list[Any]] = write_mead if layout == "mead" else write_corpus
    with progress_bar("drawing clips") as progress:
        clips = write(
            output,
            actors=actors,
            seed=seed,
            variety=variety,
            workers=workers,
            progress=progress,
            **sizes,
        )
    say(f"{output}: {counted(len(clips), 'clip')} of {counted(actors, 'actor')}, seed {seed}")


def inspect(
    shards: Annotated[str, typer.Argument(metavar="SHARDS", help="Folder of a shard set.")],
    contact_sheet: Annotated[
        Path | None, typer.Option(help="Write a picture of its faces to this PNG file.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a page on its quality to this HTML file.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the files if they are there already.")
    ] = False,
) -> None:
    """Summarise a shard set and check all its hashes and counts; exit 1 on any fault.

    The picture shows first frames with their landmarks, a row for each emotion. The page shows
    what was rejected and why, histograms of what was measured with the limits, and faces: the same
    that the ETL writes to SHARDS/report.html. Neither is written where there are faults.

    \b
    emotalk inspect shards
    emotalk inspect shards --contact-sheet faces.png
    emotalk inspect shards --report quality.html
    """
    from emotalk.shards.inspect import inspect as inspect_shards

    if report is not None:
        from emotalk.quality_report.page import check_report, write_report

        check_report(report, overwrite=overwrite)
    found = inspect_shards(shards, contact_sheet=contact_sheet, overwrite=overwrite)
    say(str(found))
    if found.faults:
        raise typer.Exit(EXIT_FAILED)
    if report is not None:
        write_report(report, found.shards, found.manifest)
        say(f"report: {report}")
