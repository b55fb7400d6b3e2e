"""Write the model card: network, training data, figures, licence and limits of a generator."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from emotalk import __version__
from emotalk.checkpoints.format import CorpusFacts, DataFacts, SetFacts
from emotalk.checkpoints.knowledge import DRAWN_LANDMARKS, DRAWN_LAYOUTS, what_it_knows
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.counted import counted

CARD = "README.md"
DRAWN = (
    "The manifest says landmarks that lay beside the clips, as `emotalk synth` writes them: a "
    "drawn corpus, with no real face or voice and nobody's likeness, under this project's "
    "licence (MIT). Should the clips be the corpus' own, its licence holds: CREMA-D's is the "
    "Open Database License 1.0, MEAD is for academic use only."
)
LICENCES = {
    "crema_d": (
        "CREMA-D (Cao et al. 2014) is under the Open Database License 1.0: name the source, and "
        "keep databases made from it under the same licence. Its actors agreed to research."
    ),
    "mead": (
        "MEAD (Wang et al. 2020) is for academic use only and may not be redistributed: do not "
        "publish or use commercially what is trained on it without its authors' consent."
    ),
    "folder": (
        "The clips came from a folder of the trainer's own. Whoever hands this model on has to "
        "know, and to add here, what the people in them agreed to and which licence the clips have."
    ),
}
UNKNOWN = "Not known: the shard set or checkpoint does not say. Find out before handing it on."
ROWS = {
    "psnr": ("PSNR, whole face (dB)", ".2f"),
    "psnr_mouth": ("PSNR, mouth crop (dB)", ".2f"),
    "ssim": ("SSIM, whole face", ".4f"),
    "ssim_mouth": ("SSIM, mouth crop", ".4f"),
    "nlmd": ("NLMD (sides of the crop)", ".5f"),
    "mouth_correlation": ("mouth opening, correlation over voiced frames", ".3f"),
}
BASELINES = {
    "baseline": "condition frame repeated",
    "reencoded": "true video re-encoded",
    "other_speech": "speech of another clip",
}


USE = r"""## Intended use, and consent

For research on speech-driven faces, and for videos of people who **have agreed** to
them. Say of every video that it is made; emotalk writes so into each file, keep that.
Not for impersonation or deception, nor for putting words or feelings to anybody without
their consent; not for judging what a person feels.

## How to use it

```bash
emotalk generate --checkpoint THIS_FOLDER --image face.jpg --audio speech.wav \
  --emotion happiness --output video.mp4
```

From MLflow's registry (`emotalk export ... --register NAME`):

```python
model = mlflow.pyfunc.load_model("models:/NAME/1")
wish = {"image": "face.jpg", "audio": "speech.wav", "emotion": "happiness"}
Path("video.mp4").write_bytes(model.predict([wish])[0]["video"])
```
"""
LIMITS = r"""## Limits

- Frontal, evenly lit faces like the training's; others come out blurred or distorted.
- How well it serves a group of people depends on how many of them the data show.
- The teeth and the tongue are guessed; lips can be off where the speech is noisy."""


@dataclass(frozen=True)
class Origin:
    """Facts about the training a generator comes from; None where it is unknown."""

    name: str  # of the run, or of the folder if there was no run
    step: int | None
    clips_seen: int | None
    is_average: bool  # whether the weights are the running average
    weights_sha256: str  # of the exported `generator.safetensors`
    figures_step: int | None  # of the validation that `figures` are from
    figures: Mapping[str, float]  # of the last validation, with their names in MLflow


def model_card(loaded: LoadedGenerator, origin: Origin) -> str:
    """Return the model card as Markdown."""
    return "\n".join(_lines(loaded, origin)) + "\n"


def _lines(loaded: LoadedGenerator, origin: Origin) -> Iterator[str]:
    emotions = ", ".join(loaded.facts.emotions)
    yield f"# Talking-face generator: {origin.name}"
    yield ""
    yield "One picture of a face, one recording of speech and one emotion become a video of that"
    yield "face saying it with that feeling: 25 frames a second, 128 x 128 pixels, any length."
    yield f"Emotions: {emotions}. Made by emotalk {__version__}."
    yield ""
    yield USE
    yield from _network(loaded, origin)
    yield "## What it knows"
    yield ""
    yield f"{what_it_knows(loaded.facts).sentence()}"
    yield ""
    yield from _data(loaded.facts.data)
    yield from _figures(origin)
    yield LIMITS


def _network(loaded: LoadedGenerator, origin: Origin) -> Iterator[str]:
    parameters = sum(p.numel() for p in loaded.generator.parameters())
    facts = loaded.facts
    kind = "running average of the weights" if origin.is_average else "last weights"
    yield "## Network and training"
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    yield f"| parameters | {parameters:,}, float32 ({kind}) |"
    yield f"| weights' sha256 | `{origin.weights_sha256}` |"
    yield f"| training steps | {_or_unknown(origin.step)} |"
    yield f"| clips seen | {_or_unknown(origin.clips_seen)} |"
    yield f"| condition picture in training | {facts.condition.replace('_', ' ')} |"
    yield f"| speech margin | {facts.speech_margin_frames} frames before and after the window |"
    yield f"| speech level | {facts.speech_level} |"
    yield f"| intensity of the emotion | {'heard' if facts.use_intensity else 'not trained'} |"
    yield ""
    yield "`config.yaml`, if it is beside this file, holds the whole configuration of the training;"
    yield "`model.json` holds the sizes of the network."
    yield ""


def _data(data: DataFacts | None) -> Iterator[str]:
    yield "## Training data and its licence"
    yield ""
    if data is not None:
        people = counted(data.actors, "person", plural="people")
        size = f"training split: {counted(data.clips, 'clip')} of {people}"
        yield f"Corpus: {data.corpus}; {size if data.clips else 'its size was not recorded'}."
        if data.unlabelled:
            yield f"The emotion of {data.unlabelled} of them was unknown; they counted as neutral."
        if data.sets:
            yield from _set_table(data.sets)
        else:
            yield f"Manifest sha256: `{data.manifest_sha256}`."
        yield ""
    yield licence_note(data)
    yield ""


def _set_table(sets: Sequence[SetFacts]) -> Iterator[str]:
    yield ""
    yield "| shard set | corpus | clips | people | weight | manifest sha256 |"
    yield "| --- | --- | ---: | ---: | --- | --- |"
    for part in sets:
        weight = "by size" if part.weight is None else f"{part.weight:g}"
        cells = (part.name, part.corpus, str(part.clips), str(part.actors), weight)
        yield f"| {' | '.join(cells)} | `{part.manifest_sha256}` |"


def licence_note(data: CorpusFacts | None) -> str:
    """Return the conditions that the licence of the training data sets for the model.

    Of several shard sets those of each hold.
    """
    if isinstance(data, DataFacts) and data.sets:
        return "\n\n".join(dict.fromkeys(licence_note(part) for part in data.sets))
    if data is None:
        return UNKNOWN
    if data.corpus in DRAWN_LAYOUTS and data.landmarks == DRAWN_LANDMARKS:
        return DRAWN
    return LICENCES.get(data.corpus, UNKNOWN)


def _figures(origin: Origin) -> Iterator[str]:
    yield "## Figures"
    yield ""
    means = {name.removeprefix("validation/"): value for name, value in origin.figures.items()}
    if not means:
        yield "None: training validated nothing. `emotalk evaluate` measures the test split."
        yield ""
        return
    shown = {key: words for key, words in BASELINES.items() if f"{key}_psnr" in means}
    yield f"Validation clips, step {_or_unknown(origin.figures_step)}; means, before any encoding."
    yield ""
    yield "| figure | generated | " + " | ".join(shown.values()) + " |"
    yield "| --- |" + " ---: |" * (1 + len(shown))
    for name, (words, form) in ROWS.items():
        if name in means:
            cells = [means.get(key) for key in (name, *(f"{key}_{name}" for key in shown))]
            yield f"| {words} | " + " | ".join(_cell(cell, form) for cell in cells) + " |"
    yield ""
    yield "A few clips watched during training, without intervals: `emotalk evaluate` measures the"
    yield "test split, with lip sync and the emotion that an independent classifier sees."
    yield ""


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _or_unknown(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"
