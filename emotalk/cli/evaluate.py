"""Define the command that evaluates a generator."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from emotalk.cli.options import CheckpointOption
from emotalk.cli.terminal import say


def evaluate(
    checkpoint: CheckpointOption,
    shards: Annotated[
        str,
        typer.Option(help="Folder or URL of a shard set, or several: '[{path: A}, {path: B}]'."),
    ],
    output: Annotated[Path, typer.Option(help="Folder for report.json, report.md and plots.")],
    split: Annotated[
        Literal["train", "val", "test"], typer.Option(help="Which part of the shard set.")
    ] = "test",
    config: Annotated[
        Path | None, typer.Option(help="YAML file with more settings; configs/evaluate has some.")
    ] = None,
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
    emotalk evaluate --config configs/evaluate/photographs.yaml --checkpoint run \\
        --shards shards --output report finder.root=/data/insightface
    """
    from rich.console import Console

    from emotalk.config.evaluate import EvaluateConfig
    from emotalk.config.load import dump_config, load_config

    given = {"checkpoint": checkpoint, "output": output, "split": split}
    named = [f"{key}={json.dumps(str(value))}" for key, value in given.items()]
    named.append(f"shards={shards if shards.startswith('[') else json.dumps(shards)}")
    settings = load_config(EvaluateConfig, config, [*named, *(overrides or [])])
    if dry_run:
        typer.echo(dump_config(settings), nl=False)
        return
    from emotalk.evaluation.evaluate import evaluate as run_evaluation
    from emotalk.evaluation.summary import summary_table

    report = run_evaluation(settings)
    Console().print(summary_table(report))
    for task, model in report.judges.items():
        say(f"{task}: {model}")
    say(f"report: {output / 'report.md'}")
