"""Judge by any classifier of expressions in an ONNX file."""

from typing import Any, NamedTuple

import cv2
import numpy as np

from emotalk.config.evaluate_emotion import EmotionJudgeConfig, PixelsConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.emotion_judges.judge import CLASSES
from emotalk.evaluation.emotion_judges.labels import classes_of
from emotalk.onnx_session import open_session
from emotalk.printable import quoted
from emotalk.schema import SIZE, Bytes, Doubles, Floats
from emotalk.shards.joined_set import AnyShardSet

LARGEST_FILE = 500 * 2**20  # bytes
SIDES = range(16, 1025)  # pixels of a model's input
FRAMES_AT_ONCE = 32
SUM_ERROR = 1e-3  # of probabilities


def build(config: EmotionJudgeConfig, _shard_set: AnyShardSet) -> "OnnxJudge":
    """Return the judge of the file that the configuration names."""
    return OnnxJudge(config)


class InputForm(NamedTuple):
    """The form of a model's input, read from its graph."""

    name: str
    height: int
    width: int
    channels: int  # 3, or 1 for grey
    channels_last: bool  # NHWC
    at_once: int  # frames in a call


class OnnxJudge:
    """Judges by an ONNX model of single pictures: a clip's answer is the mean over its frames."""

    def __init__(self, config: EmotionJudgeConfig) -> None:
        """Open the file and try it on two pictures.

        Raises:
            WrongUse: the file is missing, no classifier of pictures, or its outputs are not as many
                as the labels; labels that are not known.
        """
        assert config.model is not None, "emotion.by=onnx without a file passed its own check"
        self._path, self._pixels = config.model, config.pixels
        self._trained_on = config.trained_on or "data that emotion.trained_on does not name"
        self._classes = classes_of(config.labels)
        self._session = self._open()
        self._form = self._read_form()
        self._outputs = self._session.get_outputs()[0].name
        self._is_probability = config.outputs == "probabilities"
        self._try(len(config.labels))

    @property
    def name(self) -> str:
        """Return the file's name and what it was trained on."""
        form = self._form
        return (
            f"{self._path.name} (ONNX, {form.width} x {form.height} "
            f"{'grey' if form.channels == 1 else self._pixels.order.upper()}; trained on "
            f"{self._trained_on})"
        )

    def probabilities(self, frames_THWC: Bytes) -> Floats:
        """Return the mean over the frames of the probability of each of `CLASSES`, (7,)."""
        shares_TK = self._shares(self._run(frames_THWC))
        clip = np.zeros(len(CLASSES))
        np.add.at(clip, list(self._classes), shares_TK.mean(0))
        return np.asarray(clip / clip.sum(), np.float32)

    def _open(self) -> Any:
        if not self._path.is_file():
            raise WrongUse(f"emotion.model: no file {self._path}; give the path of an ONNX model")
        if self._path.stat().st_size > LARGEST_FILE:
            raise WrongUse(
                f"emotion.model: {self._path} has over {LARGEST_FILE >> 20} MiB, which no "
                "classifier of faces needs; give another file"
            )
        try:
            return open_session(self._path)
        except Exception as error:
            if not type(error).__module__.startswith("onnxruntime"):  # share no base of their own
                raise
            raise self._unfit(f"is not an ONNX model that can be opened: {error}") from None

    def _read_form(self) -> InputForm:
        inputs = self._session.get_inputs()
        shape = inputs[0].shape if inputs else []
        if len(inputs) != 1 or len(shape) != 4 or inputs[0].type != "tensor(float)":
            kinds = ", ".join(f"{one.type} {one.shape}" for one in inputs) or "nothing"
            raise self._unfit(f"takes {kinds}, expected one float picture of 3 or 1 channels")
        first, last = shape[1] in (1, 3), shape[3] in (1, 3)
        if first == last:
            raise self._unfit(
                f"takes {shape}: 1 or 3 channels are expected second (NCHW) or last (NHWC)"
            )
        height, width = shape[1:3] if last else shape[2:4]
        sides = [side if isinstance(side, int) else SIZE for side in (height, width)]
        if any(side not in SIDES for side in sides):
            raise self._unfit(
                f"takes pictures of {width} x {height}, expected {SIDES[0]} to {SIDES[-1]} pixels"
            )
        if isinstance(shape[0], int) and shape[0] != 1:
            raise self._unfit(f"takes {shape[0]} pictures at once, expected 1 or any number")
        channels = shape[3 if last else 1]
        if channels == 1 and max(len(self._pixels.mean), len(self._pixels.std)) > 1:
            raise self._unfit(
                "takes grey pictures, so emotion.pixels.mean and .std are one number each"
            )
        at_once = 1 if shape[0] == 1 else FRAMES_AT_ONCE
        return InputForm(inputs[0].name, *sides, channels, last, at_once)

    def _try(self, labels: int) -> None:
        """Run the model on a grey and on a noisy picture, and compare its outputs with the labels.

        Raises:
            WrongUse: another number of outputs, or outputs that are no probabilities as configured.
        """
        noise = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (1, SIZE, SIZE, 3))
        frames = np.concatenate([np.full_like(noise, 128), noise]).astype(np.uint8)
        values_NK = self._run(frames)
        if values_NK.shape[1] != labels:
            raise self._unfit(
                f"gives {values_NK.shape[1]} numbers for a picture, and emotion.labels names "
                f"{labels}; name every output in its order, further expressions as other"
            )
        looks_like = _are_probabilities(values_NK)
        if self._is_probability and not looks_like:
            raise self._unfit(
                f"gives {values_NK[1].round(3).tolist()}, which are no probabilities; use "
                "emotion.outputs=logits"
            )
        if not self._is_probability and looks_like:
            raise self._unfit(
                f"gives {values_NK[1].round(3).tolist()}, which sum to 1 and are probabilities; "
                "use emotion.outputs=probabilities"
            )

    def _run(self, frames_THWC: Bytes) -> Doubles:
        """Return the model's numbers for each frame, (T, K).

        Raises:
            WrongUse: it fails on pictures of the form that it asks for, or gives something else
                than a finite row for each.
        """
        form = self._form
        found = []
        for begin in range(0, len(frames_THWC), form.at_once):
            frames = frames_THWC[begin : begin + form.at_once]
            values = np.stack([picture_of(frame, form, self._pixels) for frame in frames])
            try:
                output = self._session.run([self._outputs], {form.name: values})[0]
            except Exception as error:
                if not type(error).__module__.startswith("onnxruntime"):
                    raise
                raise self._unfit(f"fails on a picture: {error}") from None
            rows = np.asarray(output)
            if rows.dtype.kind != "f" or rows.size % len(frames) or not np.isfinite(rows).all():
                raise self._unfit(
                    f"gives {rows.dtype} {rows.shape}, expected a row of finite numbers a picture"
                )
            found.append(rows.reshape(len(frames), -1).astype(np.float64))
        return np.concatenate(found)

    def _shares(self, values_NK: Doubles) -> Doubles:
        if self._is_probability:
            return np.clip(values_NK, 0, None) / np.clip(values_NK, 0, None).sum(-1, keepdims=True)
        shares = np.exp(values_NK - values_NK.max(-1, keepdims=True))
        return np.asarray(shares / shares.sum(-1, keepdims=True))

    def _unfit(self, why: str) -> WrongUse:
        return WrongUse(f"emotion.model: {quoted(str(self._path))} {why}")


def picture_of(frame_HWC: Bytes, form: InputForm, pixels: PixelsConfig) -> Floats:
    """Return an aligned crop as a model's input, without the axis of the frames."""
    edge = round(pixels.cut * len(frame_HWC))
    inner = frame_HWC[edge : len(frame_HWC) - edge, edge : len(frame_HWC) - edge]
    shrinks = form.height < len(inner)
    resized = cv2.resize(
        np.ascontiguousarray(inner),
        (form.width, form.height),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
    )
    if form.channels == 1:
        image = cv2.cvtColor(resized, cv2.COLOR_RGB2GRAY)[..., None]
    else:
        image = resized if pixels.order == "rgb" else resized[:, :, ::-1]
    mean, std = (np.asarray(part, np.float32) for part in (pixels.mean, pixels.std))
    values = (image.astype(np.float32) * np.float32(pixels.scale) - mean) / std
    ordered = values if form.channels_last else values.transpose(2, 0, 1)
    return np.ascontiguousarray(ordered, np.float32)


def _are_probabilities(values_NK: Doubles) -> bool:
    sums = np.abs(values_NK.sum(-1) - 1)
    return bool((values_NK >= -SUM_ERROR).all() and (sums <= SUM_ERROR).all())
