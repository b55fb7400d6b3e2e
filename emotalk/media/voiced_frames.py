"""Tell in which video frames of a clip somebody speaks.

The model is silero-vad's for 8 kHz, the rate of a clip's sound; the one for 16 kHz agrees less with
the word times of the GRID corpus (`emotalk/media/README.md`).
"""

import numpy as np
from numpy.typing import NDArray

from emotalk.media.voice_activity import open_model
from emotalk.schema import SAMPLE_RATE, SAMPLES_PER_FRAME, Floats

MODEL = "silero_vad.onnx"
WINDOW = 256  # samples: 32 ms at 8 kHz
CONTEXT = 32  # samples before a window, which the model sees with it
STATE = (2, 1, 128)
SPEECH = 0.5  # least probability of speech
DELAY = WINDOW  # samples by which the model's answers come after the sound


def voiced_frames(audio_S: Floats) -> NDArray[np.bool_]:
    """Return a mask of the video frames in which somebody speaks, (S // 320,).

    A frame counts if the model hears speech in any 32 ms that touch it. The speech is mono at 8 kHz
    in [-1, 1]; an incomplete last frame is left out. All false where nobody speaks.

    Raises:
        Stopped: the package silero-vad is not installed.
    """
    frames = len(audio_S) // SAMPLES_PER_FRAME
    needed = frames * SAMPLES_PER_FRAME + DELAY
    heard_W = _probabilities(np.pad(audio_S[:needed], (0, max(0, needed - len(audio_S))))) >= SPEECH
    starts_T = np.arange(frames) * SAMPLES_PER_FRAME + DELAY
    first_T, last_T = starts_T // WINDOW, (starts_T + SAMPLES_PER_FRAME - 1) // WINDOW
    return np.array(
        [heard_W[a : b + 1].any() for a, b in zip(first_T, last_T, strict=True)], np.bool_
    )


def _probabilities(audio_S: Floats) -> Floats:
    """Return the probability of speech in each window, (W,); the last one is padded."""
    model = open_model(MODEL)
    padded_S = np.pad(audio_S, (CONTEXT, -len(audio_S) % WINDOW)).astype(np.float32)
    windows_WS = np.lib.stride_tricks.sliding_window_view(padded_S, CONTEXT + WINDOW)[::WINDOW]
    state, rate = np.zeros(STATE, np.float32), np.array(SAMPLE_RATE, np.int64)
    found = np.zeros(len(windows_WS), np.float32)
    for window, samples_S in enumerate(windows_WS):
        value, state = model.run(None, {"input": samples_S[None], "state": state, "sr": rate})
        found[window] = value[0, 0]
    return found
