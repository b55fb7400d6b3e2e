"""Name the value in the message on an option that the command line cannot take."""

from typing import Any

import typer
from typer.core import TyperGroup

SHOWN = 40  # characters of a value
PREFIX = "Value error, "  # pydantic's, before messages that name the value already


class NamingGroup(TyperGroup):
    """A group of commands whose messages on refused options say what was given.

    Typer repeats pydantic's message, which states the limit alone.
    """

    def invoke(self, ctx: Any) -> Any:  # a Context of Typer's private copy of Click
        """Run the command that the arguments name.

        Raises:
            typer.BadParameter: an option or argument has a value that is not allowed.
        """
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = _with_value(error)
            raise


def _with_value(error: typer.BadParameter) -> str:
    """Return the message of an error with the value given and the values allowed."""
    reasons = getattr(error.__cause__, "errors", None)
    if reasons is None:
        return error.message
    value = str(reasons()[0]["input"])
    if error.message.startswith(PREFIX):
        return error.message.removeprefix(PREFIX)
    shown = value if len(value) <= SHOWN else f"{value[:SHOWN]}..."
    return f"{shown!a} is not allowed; {_allowed(error)}"


def _allowed(error: typer.BadParameter) -> str:
    lowest, highest = (getattr(error.param, name, None) for name in ("min", "max"))
    if lowest is None and highest is None:
        return error.message[:1].lower() + error.message[1:]
    if highest is None:
        return f"give a whole number from {lowest} on"
    return f"give a whole number from {lowest} to {highest}"
