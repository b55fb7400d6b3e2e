"""Take the sizes of a run's networks from the model that it starts from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emotalk.checkpoints.find_model import find_model
from emotalk.checkpoints.format import ModelFile, read_description
from emotalk.config.load import load_written
from emotalk.config.run import HEADS_OF_TERMS, TrainConfig
from emotalk.config.section import Section
from emotalk.errors import WrongUse
from emotalk.runs.status import CONFIG
from emotalk.schema import EMOTIONS, EMOTIONS_MEAD8

OF_TRAINING = tuple(head for head, _ in HEADS_OF_TERMS.values())  # inference does without them


def with_sizes_of_start(config: TrainConfig) -> TrainConfig:
    """Return the configuration with what the weights at `start_from` ask for.

    That are the networks' sizes (`model`), the emotions and whether their intensity is an input
    (`emotion`), and the level of the speech (`data.speech_level`). Heads of the generator that only
    training reads may be given: a new one begins untrained. Without `sizes_from_start` the
    configuration is returned as it is. A run that goes on keeps what it began with, also where
    `start_from` is gone.

    Raises:
        WrongUse: no model at `start_from`, one of other emotions than ours, or the configuration
            gives a value that differs from the model's.
    """
    if not config.sizes_from_start:
        return config
    assert config.start_from is not None, "checked by TrainConfig"
    saved = config.run_dir / CONFIG
    if saved.is_file():
        begun = load_written(TrainConfig, saved)
        wanted = _sections(
            model=begun.model,
            emotion=begun.emotion,
            data=config.data.model_copy(update={"speech_level": begun.data.speech_level}),
        )
        where = saved
    else:
        where = find_model(config.start_from)
        wanted = _wanted(config, read_description(where), where)
    _refuse_contradictions(config, wanted, where)
    return config.model_copy(update=wanted)


def _wanted(config: TrainConfig, found: ModelFile, where: Path) -> dict[str, Any]:
    sets = {EMOTIONS: "six", EMOTIONS_MEAD8: "mead8"}
    if found.emotions not in sets:
        raise WrongUse(
            f"start_from={where}: its emotions are {', '.join(found.emotions)}; a run knows the "
            f"sets {' and '.join(f'{name} ({len(names)})' for names, name in sets.items())} alone"
        )
    given = config.model.generator
    heads = {name: getattr(given, name) for name in OF_TRAINING if name in given.model_fields_set}
    generator = found.model.generator.model_copy(update=heads)
    emotion = {"set": sets[found.emotions], "use_intensity": found.use_intensity}
    return _sections(
        model=found.model.model_copy(update={"generator": generator}),
        emotion=config.emotion.model_copy(update=emotion),
        data=config.data.model_copy(update={"speech_level": found.speech_level}),
    )


def _sections(**sections: Section) -> dict[str, Any]:
    """Return sections of a configuration by their names."""
    return dict(sections)


def _refuse_contradictions(config: TrainConfig, wanted: dict[str, Any], where: Path) -> None:
    """Raise `WrongUse` where file or command line give a value that is not the model's."""
    there = {key: value for name, section in wanted.items() for key, value in _all(section, name)}
    differing = [
        f"{key}: {value!r} given, {there[key]!r} there"
        for name in wanted
        for key, value in _given(getattr(config, name), name)
        if there[key] != value
    ]
    if differing:
        raise WrongUse(
            "\n  ".join(
                [
                    f"start_from={config.start_from}: sizes_from_start takes the networks of "
                    f"{where}, but other values are given; leave them out (or set "
                    "sizes_from_start=false and start from a model of these sizes):",
                    *differing,
                ]
            )
        )


def _given(section: Section, prefix: str) -> Iterator[tuple[str, object]]:
    """Yield dotted key and value of all that was given, not left at its default."""
    for name in sorted(section.model_fields_set):
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _given(value, f"{prefix}.{name}")
        else:
            yield f"{prefix}.{name}", value


def _all(section: Section, prefix: str) -> Iterator[tuple[str, object]]:
    """Yield dotted key and value of everything in a section."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _all(value, f"{prefix}.{name}")
        else:
            yield f"{prefix}.{name}", value
