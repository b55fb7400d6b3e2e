"""Every surface that is tried; a new file adds its own to the list."""

from tests.fuzz.surface import Surface
from tests.fuzz.surfaces import (
    batch,
    configuration,
    corpora,
    evaluation,
    media,
    members,
    models,
    page,
    set_report,
    shard_files,
)

SURFACES: tuple[Surface, ...] = (
    *shard_files.SURFACES,
    *members.SURFACES,
    *models.SURFACES,
    *configuration.SURFACES,
    *batch.SURFACES,
    *corpora.SURFACES,
    *evaluation.SURFACES,
    *media.SURFACES,
    *page.SURFACES,
    *set_report.SURFACES,
)
