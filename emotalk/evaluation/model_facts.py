"""Say in words which generator a report is of, and what it has learned."""

from emotalk.checkpoints.folder import run_folder
from emotalk.checkpoints.format import CorpusFacts, DataFacts
from emotalk.checkpoints.knowledge import what_it_knows
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.checkpoints.training_record import read_state_facts


def describe_model(loaded: LoadedGenerator) -> dict[str, str]:
    """Return word -> fact: the model's name, its size, and the clips and emotions it knows.

    Raises:
        WrongUse: the checkpoint's `state.json` is damaged.
    """
    run_dir = run_folder(loaded.folder)
    step = read_state_facts(loaded.folder).step
    name = loaded.folder.resolve().name if run_dir is None else run_dir.name
    parameters = sum(weights.numel() for weights in loaded.generator.parameters())
    facts = loaded.facts
    learnt = what_it_knows(facts).learnt
    return {
        "model": name if step is None else f"{name}, step {step}",
        "size": f"{parameters / 1e6:.2f} million parameters",
        "learned from": _data(facts.data),
        "emotions it knows": "not recorded" if learnt is None else ", ".join(learnt) or "none",
        "intensity of emotions": "learned" if facts.use_intensity else "not learned",
    }


def _data(data: DataFacts | None) -> str:
    if data is None:
        return "unknown clips"
    if data.sets:
        return "; ".join(f"{part.name}: {_corpus(part)}" for part in data.sets)
    return _corpus(data)


def _corpus(data: CorpusFacts) -> str:
    people = "one person" if data.actors == 1 else f"{data.actors} people"
    return (
        f"{data.clips} clips of {people}, corpus {data.corpus}, landmarks by {data.landmarks}, "
        f"manifest {data.manifest_sha256[:16]}"
    )
