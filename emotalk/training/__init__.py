"""Training: inputs, objectives, steps, stages, checkpoints."""
