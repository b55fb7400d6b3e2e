"""Define the command that evaluates a generator, judges pairs of videos and compares reports."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from emotalk.cli.terminal import say
from emotalk.errors import WrongUse

if TYPE_CHECKING:
    from emotalk.evaluation.report import Report

FIT_CLASSIFIER = "--fit-classifier"
WITH_SHARDS = (
    "--checkpoint", "--shards", "--split", "--baseline", "--processes", FIT_CLASSIFIER,
)  # fmt: skip
OutputOption = Annotated[
    Path,
    typer.Option(
        help="Folder for report.html, report.md, report.json and plots; with --compare for "
        "compare.html, compare.md and compare.json."
    ),
]
CheckpointOption = Annotated[
    Path | None,
    typer.Option(
        help="Run folder (its newest), RUN/checkpoints/best, a checkpoint, or an exported model."
    ),
]
ShardsOption = Annotated[
    str | None,
    typer.Option(help="Folder or URL of a shard set, or several: '[{path: A}, {path: B}]'."),
]
PairsOption = Annotated[
    Path | None,
    typer.Option(
        help="In place of both: videos of any system, DIR/generated/NAME.mp4 and DIR/true/NAME.mp4,"
        " or DIR/pairs.csv."
    ),
]
BaselineOption = Annotated[
    Path | None,
    typer.Option(
        help="Another model, an imported original too: a row of its own, and what differs."
    ),
]
ProcessesOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="How many processes share the clips; the figures stay the same. Default 0: one a core"
        " where there are clips enough.",
    ),
]
SplitOption = Annotated[
    Literal["train", "val", "test"] | None,
    typer.Option(help="Which part of the shard set; default: test."),
]
ConfigOption = Annotated[
    Path | None, typer.Option(help="YAML file with more settings; configs/evaluate has some.")
]
FitClassifierOption = Annotated[
    bool,
    typer.Option(
        FIT_CLASSIFIER,
        help="Photographs: judge emotions by a classifier fitted to the training split.",
    ),
]
CompareOption = Annotated[
    tuple[Path, Path] | None,
    typer.Option(metavar="A B", help="In place of all: the folders of two reports to compare."),
]


def evaluate(
    output: OutputOption,
    checkpoint: CheckpointOption = None,
    shards: ShardsOption = None,
    pairs: PairsOption = None,
    compare: CompareOption = None,
    split: SplitOption = None,
    config: ConfigOption = None,
    as_reported: Annotated[
        bool,
        typer.Option("--as-reported", help="Also the original report's two faulty figures."),
    ] = False,
    baseline: BaselineOption = None,
    processes: ProcessesOption = None,
    fit_classifier: FitClassifierOption = False,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings on top.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the settings, print them and stop.")
    ] = False,
) -> None:
    """Evaluate a generator on unseen clips, beside the mandatory baselines.

    \b
    emotalk evaluate --checkpoint run --shards shards --split test --output report
    emotalk evaluate --checkpoint run --shards shards --output report clips=40 seed=1
    emotalk evaluate --checkpoint run --shards shards --output report --baseline original
    emotalk evaluate --checkpoint run --shards shards --output report --fit-classifier
    emotalk evaluate --config configs/evaluate/default.yaml --checkpoint run \\
        --shards shards --output report finder.root=/data/insightface
    emotalk evaluate --pairs videos --output report finder.root=/data/insightface
    emotalk evaluate --compare report other_report --output comparison
    """
    given: dict[str, object] = {
        "checkpoint": checkpoint, "shards": shards, "pairs": pairs, "split": split,
        "baseline": baseline, "processes": processes,
    }  # fmt: skip
    named = {f"--{name}": value for name, value in given.items() if value is not None}
    if as_reported:
        named["--as-reported"] = True
    if fit_classifier:
        named[FIT_CLASSIFIER] = True
    if compare is not None:
        _refuse_with("--compare", [*named, *(["--config"] if config else [])])
        _compare(compare, output, overrides or [], dry_run=dry_run)
    elif pairs is not None:
        _refuse_with("--pairs", [name for name in named if name in WITH_SHARDS])
        _judge_pairs(_words(named, output), config, overrides or [], dry_run=dry_run)
    else:
        missing = [name for name in ("--checkpoint", "--shards") if name not in named]
        if missing:
            raise WrongUse(
                f"evaluate: {' and '.join(missing)} missing; needed are --checkpoint and --shards, "
                "or --pairs DIR for videos of any system, or --compare A B for two reports"
            )
        _evaluate_generator(_words(named, output), config, overrides or [], dry_run=dry_run)


def _refuse_with(option: str, others: list[str]) -> None:
    if others:
        raise WrongUse(f"evaluate: {option} goes without {', '.join(others)}; leave one out")


def _words(named: dict[str, object], output: Path) -> list[str]:
    """Return the options as KEY=VALUE words of a configuration."""
    words = [f"output={json.dumps(str(output))}"]
    for option, value in named.items():
        if option == FIT_CLASSIFIER:
            words.append("emotion.by=fitted")
            continue
        key = option.removeprefix("--").replace("-", "_")
        is_list = key == "shards" and str(value).startswith("[")
        words.append(f"{key}={value if is_list else json.dumps(_plain(value))}")
    return words


def _plain(value: object) -> object:
    return value if isinstance(value, bool) else str(value)


def _evaluate_generator(
    words: list[str], config: Path | None, overrides: list[str], *, dry_run: bool
) -> None:
    from emotalk.config.evaluate import EvaluateConfig
    from emotalk.config.load import dump_config, load_config

    settings = load_config(EvaluateConfig, config, [*words, *overrides])
    if dry_run:
        typer.echo(dump_config(settings), nl=False)
        return
    from emotalk.evaluation.evaluate import evaluate as run_evaluation
    from emotalk.runs.report_tracking import track_report

    report = run_evaluation(settings)
    _show(report, settings.output)
    if sent := track_report(report, settings.output, settings.tracking, settings.checkpoint):
        say(sent)


def _judge_pairs(
    words: list[str], config: Path | None, overrides: list[str], *, dry_run: bool
) -> None:
    from emotalk.config.evaluate_pairs import PairsConfig
    from emotalk.config.load import dump_config, load_config

    settings = load_config(PairsConfig, config, [*words, *overrides])
    if dry_run:
        typer.echo(dump_config(settings), nl=False)
        return
    from emotalk.evaluation.pairs.evaluate import evaluate_pairs
    from emotalk.runs.report_tracking import track_report

    report = evaluate_pairs(settings)
    _show(report, settings.output)
    if sent := track_report(report, settings.output, settings.tracking):
        say(sent)


def _compare(
    reports: tuple[Path, Path], output: Path, overrides: list[str], *, dry_run: bool
) -> None:
    from rich.console import Console

    from emotalk.config.compare import CompareConfig
    from emotalk.config.load import dump_config, load_config

    given = {"a": reports[0], "b": reports[1], "output": output}
    words = [f"{key}={json.dumps(str(value))}" for key, value in given.items()]
    settings = load_config(CompareConfig, None, [*words, *overrides])
    if dry_run:
        typer.echo(dump_config(settings), nl=False)
        return
    from emotalk.evaluation.report_comparison.compare import compare_reports
    from emotalk.evaluation.report_comparison.result import MARKDOWN, difference_table

    Console().print(difference_table(compare_reports(settings)))
    say(f"comparison: {settings.output / MARKDOWN}")


def _show(report: "Report", output: Path) -> None:
    from rich.console import Console

    from emotalk.evaluation.output import REPORT_HTML, REPORT_MARKDOWN
    from emotalk.evaluation.summary import summary_table

    Console().print(summary_table(report))
    for task, model in report.judges.items():
        say(f"{task}: {model}")
    if report.left_out:
        say(f"left out: {len(report.left_out)}, listed in the report")
    say(f"report: {output / REPORT_HTML} (in a terminal: {output / REPORT_MARKDOWN})")
