"""Read, check and write shard sets: tars, their indexes and the manifest."""
