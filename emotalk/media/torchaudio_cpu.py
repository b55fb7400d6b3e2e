"""torchaudio's functional part on any build of torch.

The wheel of torchaudio on PyPI carries a native library built for CUDA, which a CPU build of torch
cannot load: `import torchaudio` then raises OSError. What this project uses of torchaudio is plain
torch, so after that one error the package is imported again with a stand-in for its loader of
native code that reports no extension. What needs the native library still refuses.
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
        OSError: torchaudio cannot be loaded for another reason than its native library.
    """
    return importlib.import_module(f"{torchaudio().__name__}.functional")


def torchaudio() -> ModuleType:
    """Return the module torchaudio: as installed if it loads, else without its native library."""
    try:
        return importlib.import_module("torchaudio")
    except OSError as error:
        if "torchaudio" not in str(error) and ".so" not in str(error):
            raise
        _forget_half_imported()
        sys.modules[EXTENSION] = _extension_that_is_absent()
        return importlib.import_module("torchaudio")


def _forget_half_imported() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
        del sys.modules[name]


def _extension_that_is_absent() -> ModuleType:
    module: Any = ModuleType(EXTENSION)
    module._IS_TORCHAUDIO_EXT_AVAILABLE = False
    module._IS_ALIGN_AVAILABLE = False
    module._load_lib = _no_library
    module.fail_if_no_align = _refuse
    extension: ModuleType = module
    return extension


def _no_library(name: str) -> bool:
    """Answer as torchaudio's loader does where a library was not shipped."""
    return not name


def _refuse(function: Callable[..., Any]) -> Callable[..., NoReturn]:
    def refused(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError(
            f"torchaudio.functional.{function.__name__} needs torchaudio's native library, which "
            "does not fit the installed torch"
        )

    return refused
