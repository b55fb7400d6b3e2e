"""Track the metrics of a run: JSON lines, the console, MLflow."""
