"""From shard sets to batches: the same samples in the same order on any number of ranks."""
