"""The model that is registered asks for what making a video needs, pinned; no more."""

import re
from importlib.metadata import requires

from emotalk.tracking.registry import NOT_NEEDED, requirements


def test_requirements_are_the_projects_own_pins_without_what_trains() -> None:
    found = list(requirements())
    names = [re.split(r"[^A-Za-z0-9_.-]", text)[0] for text in found]
    assert {"torch", "av", "safetensors", "mlflow", "numpy"} <= set(names)
    assert not set(names) & {"ray", "deepspeed", "accelerate", "kornia", "pytest", "ruff"}
    assert len(names) == len(set(names))
    declared = requires("emotalk") or []
    plain = [text for text in declared if "extra ==" not in text]
    assert set(found) <= set(plain)
    left_out = {re.split(r"[^A-Za-z0-9_.-]", text)[0] for text in set(plain) - set(found)}
    assert left_out == NOT_NEEDED & left_out
