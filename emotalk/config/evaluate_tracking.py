"""Configure where an evaluation's figures and pages are sent."""

from emotalk.config.section import Section


class ReportTrackingConfig(Section):
    """Configure MLflow for a report.

    The report goes to the MLflow run of the training that its checkpoint is from. Without such a
    run it becomes a run of its own if a server is given here or by MLFLOW_TRACKING_URI.
    """

    enabled: bool = True  # false: nothing is sent
    uri: str = ""  # of the server; empty: that of the training's run, else MLFLOW_TRACKING_URI
    experiment: str = "emotalk"  # of a run of its own
