"""A finished shard set beside a plan: is it what the plan would make, and which clips are new.

Sets of older versions lack what later ones write down. What their manifest does not say is read
from the samples themselves.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.files.checksums import file_sha256
from emotalk.schema import ClipLabel
from etl.clip.files import changed_since, content_digest, files_of
from etl.job.members import JSON, MADE_FACTS, facts_of_label
from etl.job.plan import LATER_DIGESTS, Plan, decisive_config
from etl.job.writer import FILES_SHA256, index_name

TRIED_AGAIN = ("crashed", "worker_died")
"""Rejected for what may have been the machine's fault: every run tries them again."""

WORDS = {
    "clips_sha256": "its clips, their actors or their emotions are others",
    "labels_sha256": "levels, votes or further facts of its clips are others",
    "splits_sha256": "clips would go to other splits",
    "models_sha256": "the landmark models are other files under the same name",
}


@dataclass(frozen=True)
class StoredSample:
    """One sample of a finished set: its tar, split and index entry."""

    tar: Path
    split: str
    entry: Mapping[str, Any]

    def member(self, name: str) -> bytes:
        """Return a member's bytes by the place that the index gives."""
        offset, size = self.entry["members"][name]
        with self.tar.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    @property
    def facts(self) -> dict[str, Any]:
        """Return the content of the sample's JSON."""
        facts: dict[str, Any] = json.loads(self.member(JSON))
        return facts


def stored_samples(output: Path, manifest: Mapping[str, Any]) -> Iterator[StoredSample]:
    """Yield every sample of a set whose tars and indices are whole."""
    for shard in manifest["shards"]:
        index = json.loads((output / index_name(shard["file"])).read_text(encoding="utf-8"))
        for entry in index["samples"]:
            yield StoredSample(output / shard["file"], shard["split"], entry)


def differences(config: EtlConfig, plan: Plan, manifest: Mapping[str, Any]) -> list[str]:
    """Return what decides the bytes and is not as it was when the set was made, in words.

    A setting that the set's version did not have counts as its default.
    """
    old, new = dict(manifest.get("config") or {}), dict(plan.config)
    defaults = decisive_config(_defaults(config), (), "shares", {})
    found = []
    for path, value in _leaves(new):
        before = _at(old, path)
        if before is _ABSENT and path[0] in LATER_DIGESTS:
            continue
        if before is _ABSENT:
            before = _at(defaults, path)
        if before != value and (path[0] != "models_sha256" or None not in (before, value)):
            name = ".".join(path)
            found.append(WORDS.get(name, f"{name} was {_text(before)}, is {_text(value)}"))
    return found


def label_differences(output: Path, plan: Plan, manifest: Mapping[str, Any]) -> list[str]:
    """Return how the samples' own labels and splits differ from the plan's, in words.

    For sets that were written without a digest of them. The tars must be whole.
    """
    if set(LATER_DIGESTS[:2]) <= set(manifest.get("config") or {}):
        return []
    for sample in stored_samples(output, manifest):
        key = sample.entry["key"]
        clip = plan.clips.get(key)
        if clip is None:
            return [WORDS["clips_sha256"]]
        if plan.split_of[key] != sample.split:
            return [f"{WORDS['splits_sha256']}, e.g. {key}"]
        if not _says(sample.facts, clip.label):
            return [f"{WORDS['labels_sha256']}, e.g. {key}"]
    return []


def clips_to_judge(config: EtlConfig, plan: Plan, manifest_path: Path) -> list[str]:
    """Return the keys of the rejected clips whose files are not those of then, in order."""
    lines = rejected_lines(manifest_path.parent)
    finished_ns = manifest_path.stat().st_mtime_ns
    found = []
    for key, clip in plan.clips.items():
        line = lines.get(clip.label.clip)
        if line is None:
            continue
        if line["reason"] in TRIED_AGAIN:
            found.append(key)
        elif FILES_SHA256 in line:
            if line[FILES_SHA256] != content_digest(clip, config):
                found.append(key)
        elif changed_since(files_of(clip, config), finished_ns):
            found.append(key)
    return found


def replaced_clips(config: EtlConfig, plan: Plan, manifest_path: Path) -> list[str]:
    """Return the names of accepted clips whose video on disk is another file now.

    Only files that were written after the set was finished are read.
    """
    output, finished_ns = manifest_path.parent, manifest_path.stat().st_mtime_ns
    manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    found = []
    for sample in stored_samples(output, manifest):
        clip = plan.clips[sample.entry["key"]]
        video = clip.video
        if not isinstance(video, Path) or not changed_since([video], finished_ns):
            continue
        if video.is_file() and file_sha256(video) != sample.facts.get("source_sha256"):
            found.append(clip.label.clip)
    return found


def by_name_differs(plan: Plan, manifest: Mapping[str, Any], output: Path) -> bool:
    """Return whether other clips than then are left out by their names alone."""
    planned = {clip.label.clip for clip in plan.clips.values()}
    then = {(n, line["reason"]) for n, line in rejected_lines(output).items() if n not in planned}
    now = {(rejection.clip, rejection.reason) for rejection in plan.rejected}
    return then != now or manifest["clips"].get("left_out", plan.left_out) != plan.left_out


def rejected_lines(output: Path) -> dict[str, dict[str, Any]]:
    """Return the lines of `rejected.jsonl` by clip; none where the file is gone."""
    try:
        text = (output / "rejected.jsonl").read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    lines = [json.loads(line) for line in text.splitlines()]
    return {line["clip"]: line for line in lines}


def refuse_another(output: Path, found: list[str]) -> None:
    """Refuse to touch a set that the plan would not make.

    Raises:
        WrongUse: there is a difference.
    """
    if found:
        some = "; ".join(found[:4]) + ("; ..." if found[4:] else "")
        raise WrongUse(
            f"output: {output} holds a finished shard set made with another configuration or of "
            f"other clips ({some}); it is left as it is. Choose another output"
        )


_ABSENT = object()


def _says(facts: Mapping[str, Any], label: ClipLabel) -> bool:
    """Return whether a sample's JSON says of its clip what the label says, and nothing else."""
    said = {name: value for name, value in facts.items() if name not in MADE_FACTS}
    return bool(said == json.loads(json.dumps(facts_of_label(label))))


def _defaults(config: EtlConfig) -> EtlConfig:
    """Return the corpus' settings with every default."""
    return EtlConfig(corpus=config.corpus, source=config.source, output=config.output)


def _leaves(
    tree: Mapping[str, Any], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(tree, dict) or name not in tree:
            return _ABSENT
        tree = tree[name]
    return tree


def _text(value: Any) -> str:
    return "absent" if value is _ABSENT else json.dumps(value)
