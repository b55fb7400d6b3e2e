"""Import Gradio so that it asks nobody for anything: no usage statistics, no look for versions."""

import os

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
except ModuleNotFoundError as error:
    raise WrongUse(
        f"the web page needs the package {error.name}; pip install 'emotalk[app]'"
    ) from None

__all__ = ["gradio", "uvicorn"]
