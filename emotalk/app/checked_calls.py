"""Refuse calls whose values have another number or form than the call takes.

Gradio counts them as faults of the server: it writes a traceback to the log, which anybody who
reaches the page could fill, and tells the caller nothing.
"""

import logging
from typing import Any

from emotalk.app.quiet_gradio import gradio as gr

LOG = logging.getLogger(__name__)


class CheckedBlocks(gr.Blocks):  # type: ignore[misc]
    """Gradio's page, which answers a faulty call with what is wrong with it."""

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *more: Any) -> list[Any]:
        """Return the values of a call as its handler takes them.

        Raises:
            gradio.Error: they are too few, or one has another form.
        """
        taken = [str(getattr(block, "label", "") or block) for block in block_fn.inputs]
        if len(inputs) < len(taken):
            raise _refusal(
                block_fn,
                f"{len(inputs)} of {len(taken)} values were sent; send all, in this order: "
                + ", ".join(taken),
                "too few values",
            )
        try:
            values: list[Any] = await super().preprocess_data(block_fn, inputs, *more)
        except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
            raise _refusal(
                block_fn,
                f"a value has another form than the call takes: {', '.join(taken)}",
                type(error).__name__,
            ) from None
        return values


def _refusal(block_fn: Any, reason: str, kind: str) -> Exception:
    """Return the error to raise for a faulty call, after one line in the log."""
    call = block_fn.api_name or "an event of the page"
    LOG.warning("refused a call of %s: %s", call, kind)
    refusal: Exception = gr.Error(f"{call}: {reason}", print_exception=False)
    return refusal
