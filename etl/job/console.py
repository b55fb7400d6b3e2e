"""Print a job's plan, its progress and its outcome."""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from emotalk.config.etl import EtlConfig
from emotalk.counted import counted
from emotalk.lip_sync.limits import LARGEST_IN_STEP, SURE
from emotalk.printable import printable_lines
from emotalk.schema import FPS, SPLITS, UNKNOWN
from emotalk.shards.manifest import Manifest
from emotalk.shards.measures import each_measures
from emotalk.shards.names import REJECTED_NAME, REPORT_NAME
from emotalk.shards.rejected import read_rejected
from emotalk.shards.statistics import SplitStatistics, reason_lines, statistics_lines
from etl.job.plan import Plan, count_emotions
from etl.job.splits import shared_actors
from etl.job.verdict import Verdict

LINE_EVERY_S = 20.0


class ClipProgress:
    """Counts verdicts; a bar on a terminal, a line now and then in a log file."""

    def __init__(self, console: Console, bar: Progress, total: int) -> None:
        """Start with no verdict."""
        self._console = console
        self._bar = bar
        self._task = bar.add_task("clips", total=total, rate="", accepted=0, rejected=0)
        self._total = total
        self._done = self._reused = self._accepted = 0
        self._began = self._printed_at = time.monotonic()

    def clip_done(self, verdict: Verdict, *, reused: bool) -> None:
        """Count one verdict."""
        self._done += 1
        self._reused += reused
        self._accepted += verdict.accepted
        now = time.monotonic()
        rate = (self._done - self._reused) / max(now - self._began, 1e-3)
        rejected = self._done - self._accepted
        self._bar.update(
            self._task,
            advance=1,
            rate=f"{rate:.1f} clips/s",
            accepted=self._accepted,
            rejected=rejected,
        )
        if not self._console.is_terminal and now - self._printed_at > LINE_EVERY_S:
            self._printed_at = now
            left = (self._total - self._done) / max(rate, 1e-6)
            print_text(
                self._console,
                f"clips {self._done}/{self._total}  {rate:.1f} clips/s  accepted {self._accepted}  "
                f"rejected {rejected}  {left:.0f} s left",
            )

    def recording_done(self, stretches: int) -> None:
        """Expect the stretches of a recording in place of its file."""
        self._total += stretches - 1
        self._bar.update(self._task, total=self._total)


def print_text(console: Console, text: str, style: str = "", *, soft_wrap: bool = False) -> None:
    """Print text as it is: without markup and highlighting."""
    console.print(text, style=style, soft_wrap=soft_wrap, highlight=False, markup=False)


@contextmanager
def clip_progress(console: Console, total: int) -> Iterator[ClipProgress]:
    """Show the progress of a job of `total` clips."""
    columns = (
        BarColumn(bar_width=None),  # the rest of the line
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("accepted {task.fields[accepted]}"),
        TextColumn("rejected {task.fields[rejected]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console, expand=True, disable=not console.is_terminal) as bar:
        yield ClipProgress(console, bar, total)


def show_plan(console: Console, config: EtlConfig, plan: Plan) -> None:
    """Print the numbers of clips, people and shards that a plan has."""
    print_text(
        console,
        f"{config.corpus}: {counted(plan.found, 'clip')}, {len(plan.rejected)} left out by name, "
        f"{plan.left_out} not asked for; {counted(len(plan.shards), 'shard')} to {config.output}",
    )
    if config.cuts_recordings:
        shortest_s, longest_s = config.stretch_seconds
        print_text(
            console,
            f"files longer than {config.clip_limits.max_seconds:g} s become several clips of "
            f"{shortest_s:g} to {longest_s:g} s",
        )
    if plan.system_files:
        print_text(
            console,
            f"{counted(plan.system_files, 'file')} without a clip passed over: hidden ones (._*, "
            ".DS_Store), Thumbs.db, desktop.ini and what lies in hidden folders or @eaDir",
        )
    counts = count_emotions(plan)
    emotions = [e for e in (*config.emotion_names, UNKNOWN) if any(counts[s, e] for s in SPLITS)]
    table = Table("split", "actors", "clips", "shards", *emotions)
    actors: dict[str, set[str]] = {}
    for split in SPLITS:
        keys = [key for key, name in plan.split_of.items() if name == split]
        actors[split] = {plan.clips[key].label.actor for key in keys}
        shards = sum(shard.split == split for shard in plan.shards)
        row = [len(actors[split]), len(keys), shards, *(counts[split, e] for e in emotions)]
        table.add_row(split, *map(str, row))
    console.print(table)
    _warn_of_shared_actors(console, actors)


def show_outcome(console: Console, config: EtlConfig, manifest: Manifest) -> bool:
    """Print the content of a new set; return whether few enough clips were rejected."""
    clips = manifest.clips
    lines = [
        "",
        *statistics_lines(_statistics(manifest)),
        "",
        f"{counted(clips['found'], 'clip')} found, {clips['accepted']} accepted, "
        f"{clips['rejected']} rejected, {counted(len(manifest.shards), 'shard')} in "
        f"{config.output}",
        *_recordings(manifest),
        *_in_step(config),
    ]
    if (page := config.output / REPORT_NAME).is_file():
        lines.append(f"its quality, with faces and histograms: {page}")
    if reasons := reason_lines(manifest.rejected_by_reason):
        each = f"each one with its reason: {config.output / REJECTED_NAME}"
        lines += ["", *reasons, "", each]
    for line in lines:
        print_text(console, printable_lines(line), soft_wrap=True)
    _warn_of_shared_actors(
        console, {name: facts["actors"] for name, facts in manifest.splits.items()}
    )
    share = clips["rejected"] / max(1, clips["found"])
    if share > config.max_rejected_share:
        print_text(
            console,
            f"failed: {share:.0%} of the clips were rejected, more than max_rejected_share="
            f"{config.max_rejected_share:g}; the shard set is complete but for them",
            style="bold red",
        )
    return bool(share <= config.max_rejected_share)


def _recordings(manifest: Manifest) -> list[str]:
    """Return a line on the long recordings that were cut into clips, if there are any."""
    if not manifest.recordings:
        return []
    stretches = [s for entry in manifest.recordings for s in entry.stretches]
    minutes = sum(entry.seconds for entry in manifest.recordings) / 60
    used = sum(end - start for start, end, *_ in stretches) / 60_000
    count = len(manifest.recordings)
    return [
        f"{count} long recording{'' if count == 1 else 's'} became {len(stretches)} of these "
        f"clips: {used:.1f} of {minutes:.1f} min are used"
    ]


def _in_step(config: EtlConfig) -> list[str]:
    """Return a line on lips and sound of the accepted clips, if offsets were measured."""
    rejected = read_rejected(config.output)
    measured = [
        (abs(line.sync_offset), line.sync_confidence)
        for line in each_measures(config.output)
        if line.clip not in rejected
        and line.sync_offset is not None
        and line.sync_confidence is not None
    ]
    if not measured:
        return []
    sure = [frames for frames, confidence in measured if confidence >= SURE]
    apart = [frames for frames in sure if frames > LARGEST_IN_STEP]
    corrects = config.quality.sync in ("correct", "reject")
    shifted = sum(frames <= config.quality.max_sync_shift for frames in apart) if corrects else 0
    return [
        f"lips and sound: {counted(len(sure) - len(apart), 'clip')} in step, "
        f"{len(apart)} early or late, of which {shifted} shifted "
        f"(quality.sync={config.quality.sync}), {len(measured) - len(sure)} unsure"
    ]


def _statistics(manifest: Manifest) -> list[SplitStatistics]:
    frames: Counter[str] = Counter()
    for shard in manifest.shards:
        frames[shard.split] += shard.frames
    return [
        SplitStatistics(
            name=split,
            actors=len(facts["actors"]),
            minutes=frames[split] / FPS / 60,
            samples={
                (emotion, level): number
                for emotion, levels in facts["levels"].items()
                for level, number in levels.items()
            },
        )
        for split, facts in manifest.splits.items()
    ]


def _warn_of_shared_actors(console: Console, actors: Mapping[str, Collection[str]]) -> None:
    shared = shared_actors(actors.values())
    if shared:
        some = ", ".join(shared[:3]) + (" ..." if shared[3:] else "")
        print_text(
            console,
            f"people in more than one split: {len(shared)} ({some}); figures on val and test say "
            "nothing of people never seen",
            style="bold yellow",
            soft_wrap=True,
        )
