"""Start, describe and resume training runs."""
