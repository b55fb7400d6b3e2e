"""Train: prepare inputs, compute objectives, make steps by the schedule, log and save."""
