"""Start, describe and continue a training run in its folder."""
