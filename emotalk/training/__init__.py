"""What turns batches into better networks: inputs, objectives, steps, stages, checkpoints."""
