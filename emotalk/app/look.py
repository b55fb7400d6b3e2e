"""Define the colours, spacing and fonts of the page."""

from importlib.resources import files
from typing import Any

from emotalk.app.quiet_gradio import gradio as gr


def theme() -> Any:
    """Return colours, spacing and fonts; the fonts are those of the visitor's system."""
    system = ["system-ui", "-apple-system", "Segoe UI", "sans-serif"]
    soft = gr.themes.Soft(
        primary_hue="orange",
        neutral_hue="slate",
        font=system,
        font_mono=["ui-monospace", "monospace"],
    )
    return soft.set(
        block_title_background_fill="none",
        block_title_padding="0",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        # Soft tells a button from the page by a shadow, which hardly shows on white.
        body_text_color_subdued="*neutral_500",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_secondary_border_color="*neutral_300",
        button_border_width="1px",
        checkbox_label_border_width="1px",
        checkbox_label_border_color="*neutral_300",
        checkbox_label_border_color_dark="*neutral_600",
        checkbox_border_color="*neutral_400",
        input_border_width="1px",
        input_border_color="*neutral_300",
    )


def style() -> str:
    """Return the page's own style sheet."""
    return files("emotalk.app").joinpath("page.css").read_text("utf-8")
