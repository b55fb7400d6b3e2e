"""Compute for each 32 ms of a recording the probability that somebody speaks in it.

The model is silero-vad's for 16 kHz, which lies in the package `silero-vad` (MIT). ONNX Runtime
runs it on blocks of windows, with the state carried from block to block, so that memory is constant
and the values are those of the whole recording. The package's own code is not imported.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from emotalk.errors import Stopped
from emotalk.media.sound_source import SoundSource
from emotalk.onnx_session import open_session
from emotalk.schema import Floats

MODEL = "silero_vad_16k_sequence.onnx"
RATE = 16_000
WINDOW = 512  # samples
WINDOW_S = WINDOW / RATE
CONTEXT = 64  # samples before a window, which the model sees with it
BLOCK = 512  # windows that are computed at once
SETTLED = 16_384  # windows of silence in which the model's state settles to 1e-4
STATE = (1, 1, 128)


def speech_probabilities(sound: SoundSource) -> Floats:
    """Return the probability of speech in each window of a recording at 16 kHz, (W,).

    The last window is filled up with silence. After `SETTLED` windows without any sound
    further ones are not computed: a small file's clock can jump by a day, a gap in its sound.
    """
    model = load_model()
    hidden, cell = np.zeros(STATE, np.float32), np.zeros(STATE, np.float32)
    before_S = np.zeros(CONTEXT, np.float32)
    found = [np.zeros(0, np.float32)]
    silent = 0  # windows since the last sound
    for start in range(0, sound.size, BLOCK * WINDOW):
        samples_S = sound.read(start, BLOCK * WINDOW)
        count = -(-samples_S.size // WINDOW)
        silent = 0 if samples_S.any() else silent + count
        if silent >= SETTLED + count:
            found.append(np.zeros(count, np.float32))
            continue
        filled_S = np.pad(samples_S, (0, -samples_S.size % WINDOW)).astype(np.float32)
        joined_S = np.concatenate([before_S, filled_S])
        windows = np.lib.stride_tricks.sliding_window_view(joined_S, CONTEXT + WINDOW)[::WINDOW]
        values, hidden, cell = model.run(
            ["speech_probs", "hn", "cn"],
            {"input": np.ascontiguousarray(windows), "h": hidden, "c": cell},
        )
        found.append(np.asarray(values, np.float32).reshape(-1))
        before_S = filled_S[-CONTEXT:]
    return np.concatenate(found)


def load_model() -> Any:
    """Return the session of the model; see `open_model`."""
    return open_model(MODEL)


@lru_cache(maxsize=2)
def open_model(name: str) -> Any:
    """Return the session of one of the package's model files; it is opened once a process.

    Raises:
        Stopped: the package is not installed on this machine.
    """
    package = find_spec("silero_vad")
    folders = [] if package is None else package.submodule_search_locations or []
    if not folders:
        raise Stopped("the package silero-vad is not installed; install the project anew")
    return open_session(Path(folders[0]) / "data" / name)
