"""Make talking faces from a face image, a recording of speech and an emotion.

    import emotalk

    face = emotalk.load("run")
    face.generate("me.jpg", "hello.wav", emotion="happiness").save("hello.mp4")

Importing the package is fast: PyTorch is imported when a name of `__all__` is first used.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["TalkingFace", "TalkingVideo", "__version__", "load"]

# Unless this is set before its import, onnxruntime sends figures about its use to its maker and
# leaves a file in the temporary folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from emotalk.talking_face import TalkingFace, TalkingVideo, load
else:

    def __getattr__(name):
        if name in __all__:
            return getattr(import_module("emotalk.talking_face"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
