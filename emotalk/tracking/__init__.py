"""Trackers of a run's figures: JSON lines always, the console, MLflow."""
