"""Import Gradio so that it asks nobody for anything and writes nothing outside its folder."""

import os
from pathlib import Path

from emotalk.errors import WrongUse

QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_SSR_MODE": "False",
    "GRADIO_MCP_SERVER": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
os.environ.update(QUIET)  # Gradio reads them at its import

try:
    import gradio
    import uvicorn
    from gradio import component_meta, route_utils, routes
except ModuleNotFoundError as error:
    raise WrongUse(
        f"the web page needs the package {error.name}; pip install 'emotalk[app]'"
    ) from None


def _write_no_interface(*_: object) -> None:
    """Take the place of what writes a `.pyi` file beside every module with a component."""


component_meta.create_or_modify_pyi = _write_no_interface


def use_folder(folder: Path) -> None:
    """Let Gradio write and serve files in `folder` alone.

    By default it makes `gradio` in the system's temporary folder, and fails where another user of
    the machine has made that.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    for module in (routes, route_utils):  # read the variable at their import
        module.DEFAULT_TEMP_DIR = str(folder)


__all__ = ["gradio", "use_folder", "uvicorn"]
