"""Configure the trackers of metrics."""

from pydantic import Field

from emotalk.config.section import Count, Section


class MlflowConfig(Section):
    """Configure MLflow's server and names."""

    enabled: bool = True
    uri: str = ""  # empty: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db in the current folder
    experiment: str = "emotalk"
    run_name: str = ""  # empty: the run folder's name
    log_checkpoints: bool = False  # upload every kept checkpoint as an artifact


class TrackingConfig(Section):
    """Configure how often metrics are logged, and where."""

    log_every: Count = 10  # steps between log lines
    flops: bool = True  # count a step's operations, for TFLOP/s: seconds of a core at the start
    mlflow: MlflowConfig = MlflowConfig()
    tags: dict[str, str] = Field(default_factory=dict)
