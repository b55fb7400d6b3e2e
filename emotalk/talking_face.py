"""Make videos from Python: a loaded model, and the frames and sound that it makes.

    import emotalk

    face = emotalk.load("run")
    face.generate("me.jpg", "hello.wav", emotion="happiness").save("hello.mp4")

`TalkingFace` is a model of the Hugging Face Hub, too: `from_pretrained`, `save_pretrained` and
`push_to_hub` read and write the folder of `emotalk export`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from huggingface_hub import ModelHubMixin, snapshot_download

from emotalk.checkpoints.export import export_model
from emotalk.checkpoints.format import refuse_used_folder
from emotalk.checkpoints.knowledge import what_it_knows
from emotalk.checkpoints.load import DeviceName, LoadedGenerator, load_generator
from emotalk.config.etl import LandmarksConfig
from emotalk.config.load import validate
from emotalk.faces.on_demand import OnDemandDetector
from emotalk.inference.precision import Precision
from emotalk.inference.sound_track import sound_track
from emotalk.inference.speech import Speech
from emotalk.inference.talking_video import VideoReport, VideoRequest, make_video, plan_video
from emotalk.inference.video import (
    SOUND_RATE,
    check_length,
    check_output,
    video_format,
    write_talking_video,
)
from emotalk.pretrained.example_model import example_folder
from emotalk.schema import FPS, Bytes, Floats

FaceFinder = Literal["insightface", "onnx", "aligned"]
AnyPath = str | Path
PACK, ROOT = "buffalo_l", "~/.insightface"  # insightface's own
HUB_FILES = ["model.json", "*.safetensors", "config.yaml", "README.md"]  # what a model consists of


@dataclass(frozen=True)
class TalkingVideo:
    """A generated video in memory.

    Attributes:
        frames_THWC: uint8 RGB, 25 a second.
        notes: what of the request had no effect or was not learnt, a line each.
        provenance: inputs of the video, which `save` writes into the file.
    """

    frames_THWC: Bytes
    notes: tuple[str, ...]
    provenance: str
    _speech: Speech

    @property
    def fps(self) -> int:
        """Return the frames of a second."""
        return FPS

    @property
    def sound_S(self) -> Floats:
        """Return the recording, mono float32 in [-1, 1], `sound_rate` samples a second."""
        sound = self._speech.sound
        return sound.read(0, sound.size)

    @property
    def sound_rate(self) -> int:
        """Return the samples of a second of `sound_S`."""
        return SOUND_RATE

    def save(self, path: AnyPath, *, overwrite: bool = False) -> Path:
        """Write the video with its sound, and return its path.

        The sound is the recording's own where the format takes it, so the recording must still be
        there.

        Args:
            path: a .mp4, .webm or .gif file.
            overwrite: replace the file if it exists.

        Raises:
            WrongUse: the file cannot be written or exists.
        """
        target = Path(path).expanduser()
        check_output(target, overwrite=overwrite)
        check_length(target, len(self.frames_THWC))
        sound = sound_track(self._speech, video_format(target))
        write_talking_video(target, self.frames_THWC, sound, provenance=self.provenance)
        return target


class TalkingFace(
    ModelHubMixin,
    library_name="emotalk",
    license="mit",
    tags=["talking-face", "emotalk"],
    pipeline_tag="image-to-video",
):
    """A trained model that makes videos of faces; `load` returns it."""

    def __init__(
        self, loaded: LoadedGenerator, *, landmarks: LandmarksConfig | None = None
    ) -> None:
        """Take a loaded generator and the landmark model that finds faces.

        Args:
            loaded: the generator on its device.
            landmarks: None: pictures are aligned crops of 128 x 128 pixels.
        """
        self._hub_mixin_config = None  # model.json is the configuration; the mixin writes no second
        self._loaded = loaded
        self._landmarks = landmarks
        self._detector = None if landmarks is None else OnDemandDetector(landmarks)

    @property
    def emotions(self) -> tuple[str, ...]:
        """Return the names of the emotions that `generate` takes."""
        return tuple(self._loaded.facts.emotions)

    @property
    def knows(self) -> str:
        """Return what the model knows: drawn faces, one person or a corpus, and emotions."""
        return str(what_it_knows(self._loaded.facts))

    @overload
    def generate(
        self, image: AnyPath, audio: AnyPath, emotion: str | None, *, output: None = None,
        face: str | None = None, seed: int = 0, scale: int = 1, paste_back: bool = False,
        long_side: int | None = None, precision: Precision = "auto", overwrite: bool = False,
    ) -> TalkingVideo: ...  # fmt: skip
    @overload
    def generate(
        self, image: AnyPath, audio: AnyPath, emotion: str | None, *, output: AnyPath,
        face: str | None = None, seed: int = 0, scale: int = 1, paste_back: bool = False,
        long_side: int | None = None, precision: Precision = "auto", overwrite: bool = False,
    ) -> VideoReport: ...  # fmt: skip
    def generate(
        self,
        image: AnyPath,
        audio: AnyPath,
        emotion: str | None,
        *,
        output: AnyPath | None = None,
        face: str | None = None,
        seed: int = 0,
        scale: int = 1,
        paste_back: bool = False,
        long_side: int | None = None,
        precision: Precision = "auto",
        overwrite: bool = False,
    ) -> TalkingVideo | VideoReport:
        """Return the video of a face that says a recording, or write it to `output`.

        With `output` memory does not grow with the length of the recording.

        Args:
            image: picture of one face, or of several with `face`.
            audio: any file with speech.
            emotion: as `emotalk generate --emotion`: a name, a mixture or a time line; None shows
                a panel for each emotion.
            output: a .mp4, .webm or .gif file; None returns frames and sound.
            face: which of several faces: `largest`, or `0`, `1`, ... by size.
            seed: the same seed gives the same video.
            scale: side of the video in multiples of 128 pixels, 1 to 4.
            paste_back: put the face back into the whole picture.
            long_side: most pixels of the whole picture.
            precision: see `emotalk.inference.precision`.
            overwrite: replace `output` if it exists.

        Raises:
            WrongUse: a file, the emotion or the output is not usable as it is.
        """
        request = VideoRequest(
            image=Path(image).expanduser(),
            audio=Path(audio).expanduser(),
            emotion=emotion,
            output=None if output is None else Path(output).expanduser(),
            landmarks=self._landmarks,
            face=face,
            seed=seed,
            scale=scale,
            overwrite=overwrite,
            paste_back=paste_back,
            long_side=long_side,
            precision=precision,
        )
        if output is not None:
            return make_video(request, self._loaded, detector=self._detector)
        plan = plan_video(request, self._loaded, detector=self._detector)
        frames_THWC = np.concatenate(list(plan.blocks))
        return TalkingVideo(frames_THWC, plan.notes, plan.provenance, plan.speech)

    def save_pretrained(self, save_directory: AnyPath, **more: Any) -> str | None:
        """Write the model to a new or empty folder, as `emotalk export` does.

        Raises:
            WrongUse: the folder holds something or cannot be written.
        """
        refuse_used_folder(Path(save_directory))
        return super().save_pretrained(save_directory, **more)

    def _save_pretrained(self, save_directory: Path) -> None:
        export_model(self._loaded.folder, save_directory)

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        **model_kwargs: Any,
    ) -> "TalkingFace":
        """Return the model of a local folder, or of a repository of the Hub.

        `model_kwargs` are those of `load`.
        """
        folder = Path(model_id).expanduser()
        if not folder.exists():
            folder = Path(
                snapshot_download(
                    model_id,
                    revision=revision,
                    cache_dir=cache_dir,
                    force_download=force_download,
                    local_files_only=local_files_only,
                    token=token,
                    allow_patterns=HUB_FILES,
                )
            )
        return load(folder, **model_kwargs)


def load(
    checkpoint: AnyPath | None = None,
    *,
    landmarks: FaceFinder = "insightface",
    pack: str = PACK,
    root: AnyPath = ROOT,
    detector: AnyPath | None = None,
    landmarker: AnyPath | None = None,
    device: DeviceName = "auto",
) -> TalkingFace:
    """Return the model of a run folder, a checkpoint or an exported model, ready to make videos.

    Args:
        checkpoint: None takes the example model of the package, which knows drawn faces.
        landmarks: what finds faces; `aligned`: pictures are crops of 128 x 128 pixels already.
        pack: insightface: name of the model pack.
        root: insightface: the folder that holds models/PACK.
        detector: onnx: a YuNet model file.
        landmarker: onnx: a 68-point model file.
        device: `auto` takes the first CUDA device if there is one.

    Raises:
        WrongUse: there is no model, or no such device.
    """
    folder = example_folder() if checkpoint is None else Path(checkpoint).expanduser()
    loaded = load_generator(folder, device=device)
    if landmarks == "aligned":
        return TalkingFace(loaded)
    given: dict[str, object] = {
        "backend": landmarks,
        "pack": pack,
        "root": Path(root),
        "detector": None if detector is None else Path(detector),
        "landmarker": None if landmarker is None else Path(landmarker),
    }
    return TalkingFace(loaded, landmarks=validate(LandmarksConfig, given, "load"))
