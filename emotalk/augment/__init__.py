"""Augment pictures and speech on the device, the same way on any number of ranks."""
