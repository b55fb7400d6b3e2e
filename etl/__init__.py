"""Turn folders of raw clips into shard sets on Ray, by `python etl/shard.py`."""
