"""Encode images as PNG and sound as FLAC; the same input always gives the same bytes."""

import io

import cv2
import numpy as np
import soundfile

from emotalk.schema import SAMPLE_RATE, Bytes, Floats


def png_bytes(image_HWC: Bytes) -> bytes:
    """Return an RGB image as PNG."""
    bgr = cv2.cvtColor(np.ascontiguousarray(image_HWC), cv2.COLOR_RGB2BGR)
    done, png = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise ValueError(f"png_bytes: cannot encode uint8 RGB, got {image_HWC.shape}")
    return png.tobytes()


def flac_bytes(audio_S: Floats, *, rate: int = SAMPLE_RATE) -> bytes:
    """Return mono sound in [-1, 1] as a 16-bit FLAC file."""
    target = io.BytesIO()
    values = np.rint(np.asarray(audio_S, np.float64) * 32768)
    samples = np.clip(values, -32768, 32767).astype(np.int16)
    soundfile.write(target, samples, rate, format="FLAC", subtype="PCM_16")
    return target.getvalue()
