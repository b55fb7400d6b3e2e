"""Plan a shard set, process its clips, and write its shards and manifest."""
