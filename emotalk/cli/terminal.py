"""Write lines and a progress bar to the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from emotalk.printable import printable_lines


def say(text: str, *, err: bool = False) -> None:
    """Write lines to standard output or error with control characters escaped."""
    typer.echo(printable_lines(text), err=err)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on standard error; yield its update function (done, total)."""
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    with progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
