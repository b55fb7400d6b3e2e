"""Examine the nodes of a batch job for seconds before its processes start."""
