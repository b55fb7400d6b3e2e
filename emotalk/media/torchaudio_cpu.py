"""Import torchaudio with any build of torch.

The wheel of torchaudio on PyPI has a native library for CUDA, which a CPU build of torch cannot
load: `import torchaudio` raises OSError. This project uses only functions written in Python, so the
package is then imported with a substitute for its extension loader. Functions that need the native
library raise an error.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

EXTENSION = "torchaudio._extension"


def functional() -> ModuleType:
    """Return `torchaudio.functional`.

    Raises:
        OSError: torchaudio cannot be loaded, not only because of its native library.
    """
    return importlib.import_module(f"{torchaudio().__name__}.functional")


def torchaudio() -> ModuleType:
    """Return the module torchaudio, without its native library if that cannot be loaded."""
    try:
        return importlib.import_module("torchaudio")
    except OSError as error:
        if "torchaudio" not in str(error) and ".so" not in str(error):
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]  # half imported
        sys.modules[EXTENSION] = _absent_extension()
        return importlib.import_module("torchaudio")


def _absent_extension() -> ModuleType:
    module: Any = ModuleType(EXTENSION)
    module._IS_TORCHAUDIO_EXT_AVAILABLE = False
    module._IS_ALIGN_AVAILABLE = False
    module._load_lib = _no_library
    module.fail_if_no_align = _refuse
    extension: ModuleType = module
    return extension


def _no_library(name: str) -> bool:
    """Return what torchaudio's loader does for a library that is not installed."""
    return not name


def _refuse(function: Callable[..., Any]) -> Callable[..., NoReturn]:
    def refused(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError(
            f"torchaudio.functional.{function.__name__} needs torchaudio's native library, which "
            "does not fit the installed torch"
        )

    return refused
