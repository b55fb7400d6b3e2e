"""Prepare the folder of a report, and write the report."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from emotalk.checkpoints.format import GENERATOR, GENERATOR_EMA
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.evaluate import EvaluateConfig
from emotalk.errors import Stopped, WrongUse
from emotalk.evaluation.html_page import html_page
from emotalk.evaluation.markdown_page import markdown_page
from emotalk.evaluation.page_video import PageVideo
from emotalk.evaluation.report import FORMAT, Report
from emotalk.evaluation.report_blocks import sections
from emotalk.evaluation.summary import headlines
from emotalk.faces.model_files import models_sha256
from emotalk.files.atomic_write import PART, atomic_write_text
from emotalk.files.checksums import file_sha256
from emotalk.files.full_disk import is_full
from emotalk.files.made_folder import made_folder
from emotalk.shards.joined_set import AnyShardSet, JoinedSet
from emotalk.shards.sample_table import Sample

REPORT = "report"
REPORT_JSON, REPORT_MARKDOWN, REPORT_HTML = f"{REPORT}.json", f"{REPORT}.md", f"{REPORT}.html"
REPORT_FILES = (REPORT_JSON, REPORT_MARKDOWN, REPORT_HTML)
IRRELEVANT = {
    "checkpoint", "baseline", "shards", "output", "device", "batch_size", "clips_in_memory",
    "processes", "remote", "videos", "tracking",
}  # fmt: skip


def describe_inputs(
    config: EvaluateConfig,
    shard_set: AnyShardSet,
    loaded: LoadedGenerator,
    clips: Sequence[Sample],
    baseline: LoadedGenerator | None = None,
) -> dict[str, Any]:
    """Return the inputs of the figures: settings, and hashes of weights, manifest and frames.

    The manifest holds the hashes of the tars, and so of every clip's bytes.
    """
    settings = config.model_dump(mode="json", exclude=IRRELEVANT)
    _files_by_content(settings, config)
    inputs = _describe_weights(loaded, config)
    if baseline is not None:
        inputs["baseline"] = _describe_weights(baseline, config)
    return inputs | {
        "manifest_sha256": _manifests_sha256(shard_set),
        "frames_sha256": hash_frames((clip.key, clip.frames) for clip in clips),
        "config": settings,
    }


def _files_by_content(settings: dict[str, Any], config: EvaluateConfig) -> None:
    """Replace the paths of the judges' files, in place, by what is in them."""
    for place in ("root", "detector", "landmarker"):
        settings["finder"].pop(place)
    finder = config.finder.model_copy(update={"backend": config.landmarks})
    settings["finder"]["models_sha256"] = models_sha256(finder)
    model = config.emotion.model
    settings["emotion"]["model"] = file_sha256(model) if model and model.is_file() else None
    settings["emotion"]["fit"].pop("cache")


def _describe_weights(loaded: LoadedGenerator, config: EvaluateConfig) -> dict[str, Any]:
    weights = loaded.folder / GENERATOR_EMA
    if not config.ema or not weights.exists():
        weights = loaded.folder / GENERATOR
    return {"weights": weights.name, "weights_sha256": file_sha256(weights)}


def hash_frames(clips: Iterable[tuple[str, int]]) -> str:
    """Return a hash of the list of evaluated frames: key and number of frames of each clip."""
    return _sha256("".join(f"{key}\t{frames}\n" for key, frames in clips).encode())


@contextmanager
def claimed_output(
    folder: Path, inputs: dict[str, Any], *, name: str = REPORT_JSON, kind: str = FORMAT
) -> Iterator[None]:
    """Create the folder for the block, or accept an empty one or a report of the same inputs.

    A report that was stopped while it was written is taken for one of the inputs that stand in a
    hidden file meanwhile, so that the same command can finish it. If the block fails, a folder that
    was created and is still empty is removed. `name` is the file that holds the inputs, and `kind`
    its format.

    Raises:
        WrongUse: it cannot be created or written, or it holds anything else.
        Stopped: the disk is full.
    """
    claim = folder / f".{name}{PART}"
    with ExitStack() as stack:
        try:
            stack.enter_context(made_folder(folder))
            _refuse_other_content(folder, inputs, (folder / name, claim), kind)
            atomic_write_text(claim, json.dumps({"format": kind, "inputs": inputs}))
        except OSError as error:
            raise WrongUse(
                f"output {folder}: cannot be written: {error.strerror}; choose another folder"
            ) from None
        stack.callback(_release, claim)
        try:
            yield
        except OSError as error:
            if not is_full(error):
                raise
            raise Stopped(
                f"output {folder}: {error.strerror}, so the report could not be written; make room "
                "there and for temporary files, and run the same command again"
            ) from error
        claim.unlink()


def _release(claim: Path) -> None:
    """Remove the claim unless it is needed: where a block that failed has left files."""
    if all(path == claim for path in claim.parent.iterdir()):
        claim.unlink(missing_ok=True)


def _refuse_other_content(
    folder: Path, inputs: dict[str, Any], sources: Sequence[Path], kind: str
) -> None:
    """Refuse a folder that holds files, none of `sources` among them stating these inputs."""
    if not any(path not in sources[1:] for path in folder.iterdir()):
        return
    wanted = json.loads(json.dumps(inputs))
    if all(_inputs_of_report(path, kind) != wanted for path in sources):
        raise WrongUse(
            f"output {folder}: not empty, and not a report of the same weights, clips and "
            "settings; reports are never overwritten: choose another folder"
        )


def write_report(
    folder: Path, report: Report, plots: Sequence[str], videos: Sequence[PageVideo] = ()
) -> None:
    """Write the Markdown and HTML pages, then the JSON, which marks the report as complete."""
    title = f"Evaluation of {report.about['model']}" if "model" in report.about else "Evaluation"
    parts = sections(report)
    (folder / REPORT_MARKDOWN).write_text(markdown_page(title, parts, plots), "utf-8")
    page = html_page(
        title,
        parts,
        headlines=headlines(report),
        videos=videos,
        pictures={name: folder / name for name in plots},
    )
    (folder / REPORT_HTML).write_bytes(page)
    atomic_write_text(folder / REPORT_JSON, report.model_dump_json(indent=1) + "\n")


def _inputs_of_report(path: Path, kind: str) -> Any:
    try:
        tree = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(tree, dict) and tree.get("format") == kind
    return tree.get("inputs") if known else None


def _manifests_sha256(shard_set: AnyShardSet) -> str | dict[str, str]:
    """Return the hash of the manifest; of several sets, name -> hash."""
    hashes = [_sha256(part.manifest_json) for part in shard_set.sets]
    if isinstance(shard_set, JoinedSet):
        return dict(zip(shard_set.names, hashes, strict=True))
    return hashes[0]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
