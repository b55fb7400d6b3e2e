"""Encode sound as lossless 16-bit FLAC."""

import io

import numpy as np
import soundfile

from emotalk.schema import SAMPLE_RATE, Floats


def flac_bytes(audio_S: Floats, *, rate: int = SAMPLE_RATE) -> bytes:
    """Return mono sound in [-1, 1] as a 16-bit FLAC file; the same bytes for the same samples."""
    target = io.BytesIO()
    values = np.rint(np.asarray(audio_S, np.float64) * 32768)
    samples = np.clip(values, -32768, 32767).astype(np.int16)
    soundfile.write(target, samples, rate, format="FLAC", subtype="PCM_16")
    return target.getvalue()
