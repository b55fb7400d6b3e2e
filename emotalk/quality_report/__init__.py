"""Show the quality of a shard set on one page: counts, histograms with limits, and faces."""
