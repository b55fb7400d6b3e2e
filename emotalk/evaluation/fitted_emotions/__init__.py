"""Fit a small classifier of emotions to the real training clips of a shard set."""
