"""Who may import whom, and where each library lives: read from the source, nothing is imported."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# part -> the parts it may import (itself always; `FOUNDATION` always). The order is the data's.
FOUNDATION = {
    "schema",
    "errors",
    "draws",
    "reasons",
    "census",
    "home",
    "host_memory",
    "masking",
    "openmp",
    "printable",
    "small_files",
    "checksums",
}
MAY_IMPORT: dict[str, set[str]] = {
    "schema": set(),
    "errors": set(),
    "draws": set(),
    "reasons": set(),
    "census": set(),
    "printable": set(),
    "small_files": set(),
    "checksums": set(),
    "tensor_files": set(),
    "home": set(),
    "host_memory": set(),
    "masking": set(),
    "openmp": set(),
    "config": set(),
    "checkpoint_format": {"config", "models", "tensor_files"},
    "media": {"config"},
    "faces": {"config", "media"},
    "synthetic": {"media"},
    "models": set(),
    "losses": set(),
    "metrics": set(),
    "data": {"config", "faces", "media"},
    "augment": {"config", "media", "data"},
    "tracking": {"config", "logging_setup"},
    "distributed": {"config"},
    "logging_setup": set(),
}
# The ends of the flow, which join the parts.
JOINERS = {"training", "inference", "evaluation", "judges", "doctor", "fetch", "cli"}
# What MLflow executes when it loads an exported model: an end of the flow, imported by nothing.
MLFLOW_MODEL = "emotalk/tracking/talking_face.py"
ETL_MAY_IMPORT = {"config", "faces", "logging_setup", "media"} | FOUNDATION

# library -> the only folders or files that may import it.
HOMES: dict[str, tuple[str, ...]] = {
    "ray": ("etl/cluster.py",),
    "accelerate": ("emotalk/distributed/",),
    "deepspeed": ("emotalk/distributed/",),
    "torch.distributed": ("emotalk/distributed/",),
    "kornia": ("emotalk/augment/",),
    "mlflow": ("emotalk/tracking/",),
    "insightface": ("emotalk/faces/",),
    "onnxruntime": ("emotalk/faces/",),
    "decord": ("emotalk/media/",),
    "av": ("emotalk/media/",),
    "soundfile": ("emotalk/media/",),
    "fsspec": ("emotalk/media/remote.py",),
    "torchaudio": ("emotalk/media/torchaudio_cpu.py",),
    "webdataset": ("etl/writer.py", "emotalk/data/"),
    "transformers": (),
    "torchvision": (),
    "timm": (),
}
WITHOUT_TORCH = ("emotalk/schema.py", "emotalk/errors.py", "emotalk/draws.py", "emotalk/config/")


def sources() -> list[str]:
    files = [ROOT / "train.py", *ROOT.glob("etl/**/*.py"), *ROOT.glob("emotalk/**/*.py")]
    return sorted(str(file.relative_to(ROOT)) for file in files)


@cache
def imports(file: str) -> tuple[str, ...]:
    """Return the dotted name of every module that `file` imports, wherever in it."""
    return tuple(_imports(file))


def _imports(file: str) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(dotted: str) -> str | None:
    """Return `data` for `emotalk.data.batch`, and None for what is not ours."""
    package, _, rest = dotted.partition(".")
    part = rest.split(".")[0]
    return part if package == "emotalk" and part not in {"", "__version__"} else None


def own_part(file: str) -> str:
    if file == MLFLOW_MODEL:
        return "inference"
    return Path(file).parts[1].removesuffix(".py") if file.startswith("emotalk/") else ""


@pytest.mark.parametrize("file", [file for file in sources() if file.startswith("emotalk/")])
def test_a_part_imports_only_what_comes_before_it_in_the_flow(file: str) -> None:
    own = own_part(file)
    parts = {part for name in imports(file) if (part := part_of(name))}
    if own == "__init__":
        assert not parts
        return
    assert not any(name == "etl" or name.startswith("etl.") for name in imports(file))
    allowed = set(MAY_IMPORT) | JOINERS if own in JOINERS else MAY_IMPORT[own]
    assert parts <= allowed | FOUNDATION | {own}


@pytest.mark.parametrize("file", [file for file in sources() if file.startswith("etl/")])
def test_the_etl_sees_only_the_schema_the_configuration_faces_and_media(file: str) -> None:
    assert {part for name in imports(file) if (part := part_of(name))} <= ETL_MAY_IMPORT


def test_nothing_imports_the_model_that_mlflow_executes() -> None:
    module = MLFLOW_MODEL.removesuffix(".py").replace("/", ".")
    assert (ROOT / MLFLOW_MODEL).exists()
    assert [file for file in sources() if module in imports(file)] == []


def test_every_part_of_the_package_has_its_place_in_the_flow() -> None:
    parts = {own_part(file) for file in sources() if file.startswith("emotalk/")} - {"__init__"}
    assert parts <= set(MAY_IMPORT) | JOINERS


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_has_one_home(library: str) -> None:
    strangers = [
        file
        for file in sources()
        if any(name == library or name.startswith(f"{library}.") for name in imports(file))
        and not file.startswith(HOMES[library] or ("nowhere",))
    ]
    assert strangers == []


@pytest.mark.parametrize("home", sorted({home for homes in HOMES.values() for home in homes}))
def test_a_home_exists(home: str) -> None:
    assert (ROOT / home).exists()


def test_the_ground_needs_no_torch() -> None:
    heavy = {
        file
        for file in sources()
        if file.startswith(WITHOUT_TORCH)
        and any(name.split(".")[0] == "torch" for name in imports(file))
    }
    assert heavy == set()


def test_no_file_of_the_etl_hides_a_library() -> None:
    """A script's folder comes first on its path: etl/ray.py would be what `import ray` finds."""
    libraries = {name.partition(".")[0] for file in sources() for name in imports(file)}
    names = {path.stem for path in (ROOT / "etl").iterdir()}
    assert names & libraries == set()


def test_no_file_is_called_utils() -> None:
    vague = {"utils", "util", "misc", "helpers", "common"}
    assert [file for file in sources() if Path(file).stem in vague] == []
