"""Save, read and export the state of a training and its generator."""
