"""Find the example generator in the package.

It is trained on drawn faces alone, so it holds nobody's likeness; `launch/example_model.sh` makes
it, and its card is `example/README.md`.
"""

from importlib.resources import files
from pathlib import Path

from emotalk.errors import WrongUse

DESCRIPTION = "model.json"


def example_folder() -> Path:
    """Return the model folder of the example generator.

    Raises:
        WrongUse: this installation has none.
    """
    folder = Path(str(files("emotalk.pretrained"))) / "example"
    if not (folder / DESCRIPTION).is_file():
        raise WrongUse(
            f"{folder}: the example model is missing in this installation; name a model with "
            "--checkpoint, or make the example in a checkout of the project: "
            "OUTPUT=emotalk/pretrained/example make example-model"
        )
    return folder
