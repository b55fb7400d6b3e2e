"""Where a job reads and writes."""

from pathlib import Path

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse


def check_paths(config: EtlConfig, *, in_job: bool) -> None:
    """Refuse paths that would not mean what they say.

    Raises:
        WrongUse: in a Ray job, a relative source or output: it would point into Ray's own
            temporary copy of the project.
    """
    if not in_job:
        return
    relative = [
        f"{key}={path}"
        for key, path in (("source", config.source), ("output", str(config.output)))
        if not Path(path).expanduser().is_absolute()
    ]
    if relative:
        raise WrongUse(
            f"{', '.join(relative)}: a Ray job runs in a temporary copy of the project, where "
            "relative paths point nowhere; give full paths that every node sees"
        )
