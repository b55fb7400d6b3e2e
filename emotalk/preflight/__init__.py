"""Examine the nodes of a batch job before its real start: seconds instead of a lost night."""
