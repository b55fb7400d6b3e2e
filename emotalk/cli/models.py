"""Define the commands that export, import and complete models."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from emotalk.cli.options import CheckpointOption
from emotalk.cli.terminal import progress_bar, say
from emotalk.redaction import redact_setting


def export(
    checkpoint: CheckpointOption,
    output: Annotated[Path, typer.Option(help="New folder for weights and model card.")],
    register: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Also register it in MLflow as a version of this model."),
    ] = None,
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow's server; default: the server of the run.")
    ] = None,
) -> None:
    """Export a trained generator to a folder: weights, description, model card.

    The weights are the running average if training kept one. The folder serves as --checkpoint.

    \b
    emotalk export --checkpoint run --output model
    emotalk export --checkpoint run --output model --register talking-face
    """
    from emotalk.checkpoints.export import export_model
    from emotalk.config.tracking import MlflowConfig

    exported = export_model(checkpoint, output)
    say(f"{output}: generator of {exported.origin.name}; its card is {output / 'README.md'}")
    if register is None:
        return
    from emotalk.tracking.mlflow import tracking_uri as default_uri
    from emotalk.tracking.registry import register_model

    own = tracking_uri is None or redact_setting(tracking_uri) == exported.mlflow_uri
    model = register_model(
        output,
        register,
        uri=tracking_uri or exported.mlflow_uri or default_uri(MlflowConfig()),
        run_id=exported.mlflow_run if own else "",
        experiment=MlflowConfig().experiment,
    )
    say(f"registered: {model}")


def import_original(
    source: Annotated[Path, typer.Argument(metavar="GENERATOR.PT", help="The original's file.")],
    output: Annotated[Path, typer.Option(help="New folder for the model.")],
    channel_order: Annotated[
        Literal["rgb", "bgr"],
        typer.Option(help="Channel order of the pictures that the weights were trained on."),
    ] = "rgb",
) -> None:
    """Import the original's public generator (Eskimez et al. 2021).

    \b
    emotalk import-original generator.pt --output original
    emotalk generate --checkpoint original --image me.jpg --audio hello.wav \\
        --emotion sadness --output hello.mp4
    """
    from emotalk.checkpoints.import_original import import_original as run_import

    config = run_import(source, output, channel_order=channel_order)
    say(f"{output}: generator with filters {config.generator.filters}")


def fetch(
    what: Annotated[Literal["vgg19"], typer.Argument(help="Weights to download.")],
    output: Annotated[
        Path | None, typer.Option(help="The file; default: where trainings look for it.")
    ] = None,
) -> None:
    """Download torchvision's VGG-19 (575 MB) for the perceptual loss, and check its hash.

    A download that was cut off continues when it is started again.

    \b
    emotalk fetch vgg19
    emotalk fetch vgg19 --output /data/vgg19-dcbb9e9d.pth
    """
    from emotalk.fetch import fetch_vgg19

    with progress_bar(f"fetching {what}") as progress:
        path = fetch_vgg19(output, progress=progress)
    typer.echo(f"{path}: VGG-19, its hash is right")
    if output is not None:
        typer.echo(f"train with losses.perceptual.weights={path}")
