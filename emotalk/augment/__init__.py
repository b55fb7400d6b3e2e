"""Pictures and speech changed at random on the device, the same way on any number of ranks."""
