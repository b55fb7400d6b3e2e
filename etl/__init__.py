"""From folders of raw clips to shard sets, on Ray: run by `python etl/shard.py`."""
