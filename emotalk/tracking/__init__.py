"""Where a run's figures go: JSON lines always, the console, MLflow."""
