"""Define the commands on a corpus of one's own; the ETL's package does the work."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from emotalk.cli.terminal import say

corpus = typer.Typer(no_args_is_help=True, add_completion=False)


@corpus.callback()
def of_a_corpus() -> None:
    """Prepare a folder of recordings for the ETL.

    \b
    emotalk corpus init recordings
    """


@corpus.command(short_help="Write clips.csv for a folder of recordings.")
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the recordings.")],
    output: Annotated[
        Path | None, typer.Option(help="Another file than DIR/clips.csv for the table.")
    ] = None,
    actor_from: Annotated[
        Literal["auto", "folder", "name", "single"],
        typer.Option(help="Where a person's name stands; single: one person everywhere."),
    ] = "auto",
    actor: Annotated[str | None, typer.Option(help="The one person of all recordings.")] = None,
    emotion: Annotated[
        str | None, typer.Option(help="The emotion of all recordings; unknown: of none.")
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX", help="Groups named actor, emotion, level or text, found in paths."
        ),
    ] = None,
) -> None:
    """Write clips.csv (clip, actor, emotion, level, text), and say what was guessed and why.

    Known are the names of CREMA-D, MEAD, RAVDESS, SAVEE and TESS; else people are named by folders
    or the beginning of names, emotions and levels by words in them. Text comes from NAME.txt or
    NAME.lab beside a recording, or from the NAME.align of the GRID corpus, also in a folder align.
    Nothing is opened but these, and no file is replaced.

    \b
    emotalk corpus init recordings
    emotalk corpus init recordings --actor-from name --emotion unknown
    emotalk corpus init recordings --pattern '(?P<actor>S\\d+)-(?P<emotion>[a-z]+)'
    """
    from etl.corpora.new_table import label_options, write_table

    options = label_options(actor_from=actor_from, actor=actor, emotion=emotion, pattern=pattern)
    for line in write_table(folder, output, options):
        say(line)
