"""Load batches of clips from a shard set, the same ones on any number of ranks."""
