"""Say in words which generator a report is of, and what it has learned."""

from emotalk.checkpoints.folder import run_folder
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
    data = loaded.facts.data
    manifest = {} if data is None else {"manifest it learnt from": data.manifest_sha256[:16]}
    return {
        "model": name if step is None else f"{name}, step {step}",
        "size": f"{parameters / 1e6:.2f} million parameters",
        "what it knows": str(what_it_knows(loaded.facts)),
        "strength of emotions": "learnt" if loaded.facts.use_intensity else "not learnt",
        **manifest,
    }
