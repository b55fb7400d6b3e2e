"""Say where MLflow's page shows a run (`python -m emotalk.tracking.run_page RUN`).

MLflow 3 opens an experiment in its view of language models, unless an address asks for the view of
trainings, which has the metrics.
"""

import sys
from pathlib import Path

from emotalk.printable import printable_lines
from emotalk.redaction import redact
from emotalk.tracking.run_identity import read_identity

VIEW = "workflowType=machine_learning"
LOCAL_PAGE = "http://127.0.0.1:5000"  # of `mlflow ui`


def run_page(uri: str, experiment_id: str, run_id: str) -> str:
    """Return the address of a run's page, in the view of trainings, without secrets.

    For a store that is no server it is the page of `mlflow ui` on this machine.
    """
    page = redact(uri).rstrip("/") if uri.startswith(("http://", "https://")) else LOCAL_PAGE
    return f"{page}/#/experiments/{experiment_id}/runs/{run_id}?{VIEW}"


def how_to_see(uri: str, experiment_id: str, run_id: str) -> str:
    """Return the address of a run's page, after the command that serves it if there is none."""
    page = run_page(uri, experiment_id, run_id)
    if uri.startswith(("http://", "https://")):
        return page
    return f"mlflow ui --backend-store-uri {redact(uri)}, then {page}"


def main() -> None:
    """Print the address of the page of a run folder's run."""
    known = read_identity(Path(sys.argv[1]))
    names = ("uri", "experiment_id", "run_id")
    if not all(known.get(name) for name in names):
        sys.stdout.write("MLflow has given this run no page\n")
        return
    page = run_page(*(known[name] for name in names))
    sys.stdout.write(printable_lines(page) + "\n")


if __name__ == "__main__":
    main()
