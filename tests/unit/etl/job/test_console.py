"""What people see of a job: one line while it runs, at the end who, how many, how strongly."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from emotalk.config.etl import EtlConfig
from emotalk.rejection_reasons import REASONS
from emotalk.schema import ClipLabel
from emotalk.shards.manifest import Manifest, RecordingEntry, ShardEntry
from emotalk.shards.measures import clip_measures
from emotalk.shards.rejected import RejectedClip
from emotalk.shards.writer import write_measures, write_rejected
from etl.corpora.listing import SourceClip
from etl.job.console import clip_progress, show_outcome, show_plan
from etl.job.plan import Plan, plan_shards
from etl.job.splits import split_clips
from etl.job.verdict import Verdict

TOTAL = 7442


def config(**more: object) -> EtlConfig:
    tree = {"corpus": "folder", "source": "x", "output": "/disk/[shards]", **more}
    return EtlConfig.model_validate(tree)


def manifest(**rejected: int) -> Manifest:
    empty: dict[str, Any] = {"actors": [], "samples": 0, "emotions": {}, "levels": {}}
    train = {
        "actors": ["anna", "bo"],
        "samples": 14,
        "emotions": {"anger": 4, "neutral": 10},
        "levels": {"anger": {"low": 1, "high": 3}, "neutral": {"unknown": 10}},
    }
    test = {**empty, "actors": ["cy"], "samples": 1, "emotions": {"anger": 1},
            "levels": {"anger": {"middle": 1}}}  # fmt: skip
    return Manifest(
        splits={"train": train, "val": empty, "test": test},
        clips={"found": 15 + sum(rejected.values()), "accepted": 15,
               "rejected": sum(rejected.values())},
        rejected_by_reason=rejected,
        shards=(entry("train", 1500), entry("test", 75)),
    )  # fmt: skip


def entry(split: str, frames: int) -> ShardEntry:
    file, sha256 = f"{split}-000000.tar", "0" * 64
    return ShardEntry(file=file, split=split, samples=1, frames=frames, bytes=10240,
                      sha256=sha256, index_sha256=sha256)  # fmt: skip


def shown(tree: Manifest, settings: EtlConfig, width: int = 80) -> tuple[bool, list[str]]:
    console = Console(file=io.StringIO(), width=width)
    verdict = show_outcome(console, settings, tree)
    assert isinstance(console.file, io.StringIO)
    return verdict, console.file.getvalue().splitlines()


def test_the_end_of_a_job_says_what_long_recordings_became() -> None:
    entry = RecordingEntry(
        clip="talk.mp4",
        sha256="0" * 64,
        seconds=600.0,
        stretches=((0, 6000, 0, 1), (9000, 15000, 225, 2)),
    )
    _, lines = shown(manifest().model_copy(update={"recordings": (entry,)}), config())
    assert "1 long recording became 2 of these clips: 0.2 of 10.0 min are used" in lines
    _, lines = shown(manifest(), config())
    assert not any("recording" in line for line in lines)


def test_the_end_of_a_job_says_how_many_clips_are_in_step(tmp_path: Path) -> None:
    offsets = {"in": (-1, 0.8), "late": (2, 0.9), "far": (-8, 0.9), "unsure": (5, 0.79)}
    lines = [
        clip_measures(name, name, {"sync_offset": frames, "sync_confidence": confidence})
        for name, (frames, confidence) in {**offsets, "left out": (9, 1.0)}.items()
    ]
    write_measures(
        tmp_path, [*lines, clip_measures("short", "short", {"seconds": 1.0})], aside=tmp_path
    )
    rejected = RejectedClip(clip="left out", reason="out_of_sync", detail="")
    write_rejected(tmp_path, [rejected], aside=tmp_path)

    def line(mode: str) -> str:
        settings = config(output=str(tmp_path), quality={"sync": mode})
        (found,) = (s for s in shown(manifest(), settings)[1] if s.startswith("lips and sound"))
        return found

    words = "lips and sound: 1 clip in step, 2 early or late, of which"
    assert line("report") == f"{words} 0 shifted (quality.sync=report), 1 unsure"
    assert line("correct") == f"{words} 1 shifted (quality.sync=correct), 1 unsure"
    assert not any("lips and" in text for text in shown(manifest(), config())[1])


def test_the_plan_says_what_becomes_of_long_files() -> None:
    def plan_of(**more: object) -> str:
        console = Console(file=io.StringIO(), width=200)
        plan = Plan({}, rejected=(), left_out=0, split_of={}, shards=(), config={})
        show_plan(console, config(**more), plan)
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    words = "files longer than 60 s become several clips of 3 to 10 s"
    assert words in plan_of()
    assert "become several" not in plan_of(stretches={"cut": False})


def test_the_end_of_a_job_counts_every_split_emotion_and_level() -> None:
    good, lines = shown(manifest(), config())
    assert good
    assert [line.split() for line in lines[1:8]] == [
        ["samples", "low", "middle", "high", "no", "level"],
        ["train", "(2", "actors,", "1.0", "min)", "14", "1", "0", "3", "10"],
        ["anger", "4", "1", "0", "3", "0"],
        ["neutral", "10", "0", "0", "0", "10"],
        ["val", "(0", "actors,", "0.0", "min)", "0", "0", "0", "0", "0"],
        ["test", "(1", "actor,", "0.1", "min)", "1", "0", "1", "0", "0"],
        ["anger", "1", "0", "1", "0", "0"],
    ]
    assert "15 clips found, 15 accepted, 0 rejected, 2 shards in /disk/[shards]" in lines


def test_the_reasons_stand_below_the_most_frequent_first_and_no_line_is_broken() -> None:
    _, lines = shown(manifest(no_face=1, unknown_name=2), config(max_rejected_share=0.5))
    start = lines.index("rejected because  clips")
    assert lines[start + 1].split()[:2] == ["unknown_name", "2"]
    assert lines[start + 2] == f"no_face               1  {REASONS['no_face'].meaning}"
    _, lines = shown(manifest(**dict.fromkeys(REASONS, 9999)), config(max_rejected_share=1))
    assert max(map(len, lines)) <= 80
    assert all(reason.meaning in "\n".join(lines) for reason in REASONS.values())


def test_more_rejected_than_allowed_is_said_and_fails() -> None:
    assert shown(manifest(no_face=5), config(max_rejected_share=0.25))[0]
    good, lines = shown(manifest(no_face=5), config(max_rejected_share=0.24))
    assert not good
    assert "25% of the clips were rejected, more than max_rejected_share=0.24" in "\n".join(lines)


def bar(width: int, done: int) -> str:
    """Return the last state of the bar on a terminal of so many columns."""
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=True, color_system=None)
    with clip_progress(console, TOTAL) as progress:
        for number in range(done):
            rejected = "no_face" if number % 10 == 0 else ""
            verdict = Verdict(f"k{number}", f"{number}.flv", (0, 0), reason=rejected)
            progress.clip_done(verdict, reused=number < done - 40)
    return file.getvalue().split("\x1b[2K")[-1].split("\n")[0]


@pytest.mark.parametrize("width", [80, 120])
def test_the_bar_says_all_it_has_to_say_in_one_line(width: int) -> None:
    line = bar(width, 7000)
    assert len(line.rstrip("\r")) <= width
    assert "7000/7442" in line
    assert "clips/s accepted 6300 rejected 700" in line
    assert line.rstrip().endswith("left")
    assert "━" in line
    assert "…" not in line


def test_a_log_file_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 15))
    monkeypatch.setattr("etl.job.console.time.monotonic", lambda: float(next(clock)))
    console = Console(file=io.StringIO(), width=80)
    with clip_progress(console, 8) as progress:
        for number in range(8):
            progress.clip_done(Verdict(f"k{number}", "a", (0, 0)), reused=False)
    assert isinstance(console.file, io.StringIO)
    lines = [line for line in console.file.getvalue().splitlines() if line.strip()]
    assert len(lines) == 4  # 15 s apart, at least 20 s between lines
    assert lines[0].startswith("clips 2/8  0.1 clips/s  accepted 2  rejected 0  ")


def test_the_folder_is_printed_as_it_is_called(tmp_path: Path) -> None:
    _, lines = shown(manifest(), config(output=str(tmp_path / "[red]")))
    assert any("[red]" in line for line in lines)


def test_the_page_on_the_set_is_named_where_there_is_one(tmp_path: Path) -> None:
    words = "its quality, with faces and histograms:"
    assert words not in "\n".join(shown(manifest(), config(output=str(tmp_path)))[1])
    (tmp_path / "report.html").touch()
    assert (
        f"{words} {tmp_path / 'report.html'}" in shown(manifest(), config(output=str(tmp_path)))[1]
    )


def test_people_in_several_splits_are_said_whatever_the_rule_was() -> None:
    assert not any("people" in line for line in shown(manifest(), config())[1])
    tree = manifest()
    tree.splits["val"] = {**tree.splits["val"], "actors": ["bo", "di"]}
    words = " ".join(shown(tree, config())[1])
    assert "people in more than one split: 1 (bo)" in words
    assert "nothing of people never seen" in words


def test_the_plan_s_splits_say_so_too() -> None:
    clips = {}
    for number in range(1, 31):
        extra = {"view": "front", "level": "level_1", "number": f"{number:03d}"}
        label = ClipLabel(f"k{number}", f"{number}.mp4", "M003", "anger", extra=extra)
        clips[label.key] = SourceClip(label, Path(label.clip))
    settings = config(corpus="mead", split={"method": "last_sentences"})
    split_of = split_clips(settings, clips)
    shards = tuple(plan_shards(split_of, 64))
    plan = Plan(clips, rejected=(), left_out=0, split_of=split_of, shards=shards, config={})
    console = Console(file=io.StringIO(), width=200)
    show_plan(console, settings, plan)
    assert isinstance(console.file, io.StringIO)
    assert "people in more than one split: 1 (M003)" in console.file.getvalue()
