"""Every package imports only packages before it, and each library has one home."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Packages in the order of the data. A package may import packages before it, and nothing else.
FOUNDATION = {
    "schema",
    "errors",
    "seeding",
    "rejection_reasons",
    "home",
    "host_memory",
    "redaction",
    "onnx_session",
    "openmp",
    "usable_cores",
    "counted",
    "printable",
    "logging_setup",
    "node_name",
    "files",
    "html_pages",
}
# package -> the packages it may import (itself and `FOUNDATION` always).
MAY_IMPORT: dict[str, set[str]] = {
    "config": set(),
    "media": {"config"},
    "faces": {"config", "media"},
    "speech": {"media"},
    "synthetic": {"media"},
    "models": set(),
    "losses": set(),
    "metrics": set(),
    "shards": {"config", "faces", "media"},
    "data": {"config", "media", "shards"},
    "lip_sync": {"config", "media", "models", "shards"},
    "quality_report": {"faces", "lip_sync", "media", "shards"},
    "augment": {"config", "media", "data"},
    "tracking": {"config"},
    "distributed": {"config"},
    "checkpoints": {"config", "distributed", "media", "models", "shards"},
    "inference": {"checkpoints", "config", "data", "faces", "media", "models"},
    "app": {"checkpoints", "config", "faces", "inference", "media", "synthetic"},
    "pretrained": {"config", "faces", "media", "metrics", "models", "synthetic"},
}
MAY_IMPORT["evaluation"] = {*MAY_IMPORT} - {"losses", "tracking"}
MAY_IMPORT["training"] = {*MAY_IMPORT}
MAY_IMPORT["runs"] = {*MAY_IMPORT}
# Join the packages; nothing imports them, but for the package's own names.
ENDS = {"doctor", "fetch", "cli", "preflight", "talking_face"}
# What MLflow executes when it loads an exported model: an end of the flow, imported by nothing.
MLFLOW_MODEL = "emotalk/tracking/talking_face.py"
ETL_COMMANDS = "emotalk/cli/corpus.py"  # the only file here that imports the ETL
ETL_MAY_IMPORT = {"config", "faces", "lip_sync", "quality_report", "media", "shards"} | FOUNDATION

# library -> the only folders or files that may import it.
HOMES: dict[str, tuple[str, ...]] = {
    "ray": ("etl/cluster.py",),
    "accelerate": ("emotalk/distributed/",),
    "deepspeed": ("emotalk/distributed/",),
    "torch.distributed": ("emotalk/distributed/", "emotalk/preflight/exchange.py"),
    "kornia": ("emotalk/augment/",),
    "mlflow": ("emotalk/tracking/",),
    "insightface": ("emotalk/faces/",),
    "pocketsphinx": ("emotalk/speech/",),
    "onnxruntime": ("emotalk/onnx_session.py",),
    "decord": ("emotalk/media/",),
    "av": ("emotalk/media/",),
    "soundfile": ("emotalk/media/",),
    "fsspec": ("emotalk/media/remote.py",),
    "torchaudio": ("emotalk/media/torchaudio_cpu.py",),
    "webdataset": ("emotalk/shards/writer.py",),
    "fcntl": ("emotalk/files/lock.py",),
    "jinja2": ("emotalk/html_pages/",),
    "gradio": ("emotalk/app/",),
    "fastapi": ("emotalk/app/server.py",),
    "uvicorn": ("emotalk/app/",),
    "transformers": (),
    "torchvision": (),
    "timm": (),
}
WITHOUT_TORCH = ("emotalk/schema.py", "emotalk/errors.py", "emotalk/seeding.py", "emotalk/config/")


@cache
def sources() -> tuple[str, ...]:
    files = [ROOT / "train.py", *ROOT.glob("etl/**/*.py"), *ROOT.glob("emotalk/**/*.py")]
    return tuple(sorted(str(file.relative_to(ROOT)) for file in files))


@cache
def modules() -> frozenset[str]:
    return frozenset(map(module_of, sources()))


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


def module_of(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def modules_imported(file: str) -> set[str]:
    """Return our own modules that a file imports, without itself and without packages above it."""
    known = modules()
    own = module_of(file)
    return {
        name
        for name in imports(file)
        if name in known and name != own and not own.startswith(f"{name}.")
    }


def package_of(module: str) -> str:
    """Return `emotalk.data` for `emotalk.data.batch`, `etl.job` for `etl.job.plan`."""
    return ".".join(module.split(".")[:2])


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of nodes that reach each other, each sorted."""
    reach = {node: _reachable(node, graph) for node in graph}
    groups = {
        tuple(sorted(other for other in reach[node] if node in reach.get(other, set())))
        for node in graph
        if node in reach[node]
    }
    return sorted(map(list, groups))


def _reachable(start: str, graph: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting.extend(graph.get(node, ()))
    return found


def own_part(file: str) -> str:
    if file == MLFLOW_MODEL:
        return "inference"
    return Path(file).parts[1].removesuffix(".py") if file.startswith("emotalk/") else ""


@pytest.mark.parametrize("file", [file for file in sources() if file.startswith("emotalk/")])
def test_a_package_imports_only_packages_that_come_before_it_in_the_flow(file: str) -> None:
    own = own_part(file)
    packages = {package for name in imports(file) if (package := part_of(name))}
    if file != ETL_COMMANDS:
        assert not any(name == "etl" or name.startswith("etl.") for name in imports(file))
    if own in ENDS:
        return
    allowed = {"talking_face"} if own == "__init__" else MAY_IMPORT.get(own, set())
    assert packages <= allowed | FOUNDATION | {own}


@pytest.mark.parametrize("file", [file for file in sources() if file.startswith("etl/")])
def test_the_etl_sees_only_what_comes_before_training(file: str) -> None:
    assert {package for name in imports(file) if (package := part_of(name))} <= ETL_MAY_IMPORT


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports within functions count too: they hide a circle, they do not open it."""
    graph = {module_of(file): set(modules_imported(file)) for file in sources()}
    assert circles(graph) == []


def test_no_packages_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for file in sources():
        if file == MLFLOW_MODEL:
            continue
        own = package_of(module_of(file))
        graph.setdefault(own, set()).update(map(package_of, modules_imported(file)))
        graph[own].discard(own)
    assert circles(graph) == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]
    assert circles({"a": {"b"}, "b": set()}) == []


@pytest.mark.parametrize("file", sources())
def test_a_file_stays_below_400_lines_and_a_function_below_60(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 400
    functions = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [f.name for f in functions if (f.end_lineno or 0) - f.lineno >= 60] == []


def test_nothing_imports_the_model_that_mlflow_executes() -> None:
    module = MLFLOW_MODEL.removesuffix(".py").replace("/", ".")
    assert (ROOT / MLFLOW_MODEL).exists()
    assert [file for file in sources() if module in imports(file)] == []


def test_every_package_of_the_package_has_its_place_in_the_flow() -> None:
    packages = {own_part(file) for file in sources() if file.startswith("emotalk/")} - {"__init__"}
    assert packages == set(MAY_IMPORT) | FOUNDATION | ENDS


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


@pytest.mark.parametrize("call", ["file_digest(", "os.fsync(", "os.replace("])
def test_files_are_locked_hashed_and_replaced_by_one_helper(call: str) -> None:
    callers = [file for file in sources() if call in (ROOT / file).read_text(encoding="utf-8")]
    assert [file for file in callers if not file.startswith("emotalk/files/")] == []


def test_no_file_is_called_utils() -> None:
    vague = {"utils", "util", "misc", "helpers", "common"}
    assert [file for file in sources() if Path(file).stem in vague] == []


FORMAT_NAMES = {
    "manifest.json", "rejected.jsonl", "landmarks.npy", "neutral.png", ".index.json",
    "measures.jsonl", "rejected_pictures.jsonl", "report.html",
}  # fmt: skip


@pytest.mark.parametrize("file", [f for f in sources() if not f.startswith("emotalk/shards/")])
def test_the_names_of_the_shard_format_stand_in_its_own_package(file: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert texts & FORMAT_NAMES == set()
