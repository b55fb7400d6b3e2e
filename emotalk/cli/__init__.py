"""Define the `emotalk` command; each sub-command calls a function elsewhere."""

import os
import sys

import typer

from emotalk.cli.corpus import corpus
from emotalk.cli.data import inspect, synth
from emotalk.cli.evaluate import evaluate
from emotalk.cli.machine import doctor
from emotalk.cli.models import export, fetch, import_original
from emotalk.cli.refused_values import NamingGroup
from emotalk.cli.terminal import say
from emotalk.cli.video_options import EXAMPLES
from emotalk.cli.videos import app, generate
from emotalk.errors import EXIT_FAILED, EXIT_WRONG_USE, Stopped, WrongUse, refused_name
from emotalk.home import ensure_home
from emotalk.logging_setup import set_up_logging
from emotalk.openmp import choose_waiting
from emotalk.redaction import redact

WITH_NETWORKS = {"app", "evaluate", "generate"}

cli = typer.Typer(
    name="emotalk",
    cls=NamingGroup,
    help="Make a talking face from one face image, one recording of speech and one emotion.",
    epilog="Every command explains itself, with examples: emotalk generate --help",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
cli.command(short_help="Draw a synthetic corpus of talking faces.")(synth)
cli.add_typer(corpus, name="corpus")
cli.command(short_help="Summarise and check a shard set.")(inspect)
cli.command(short_help="Evaluate a generator on unseen clips.")(evaluate)
cli.command(short_help="Make a video of a face, speech and emotion.", epilog=EXAMPLES)(generate)
cli.command(short_help="Export a trained generator to a folder.")(export)
cli.command(short_help="Import the original's public weights.")(import_original)
cli.command(short_help="Download weights that training can use.")(fetch)
cli.command(short_help="Serve a web page that makes videos.")(app)
cli.command(short_help="Report what this machine has and lacks.")(doctor)


def main() -> None:
    """Run the command line; wrong use is one message and exit 2, anything else a traceback."""
    if sys.argv[1:] and sys.argv[1] in WITH_NETWORKS:
        choose_waiting()  # before torch loads
    ensure_home()
    set_up_logging()
    try:
        cli(prog_name="emotalk")
    except WrongUse as error:
        say(redact(f"emotalk: {error}"), err=True)
        sys.exit(EXIT_WRONG_USE)
    except Stopped as error:
        say(redact(f"emotalk: {error}"), err=True)
        sys.exit(EXIT_FAILED)
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except OSError as error:
        refused = refused_name(error)
        if refused is None:
            raise
        say(redact(f"emotalk: {refused}"), err=True)
        sys.exit(EXIT_WRONG_USE)
