"""Read and write files safely: atomic writes, locks, hashes, bounded reads."""
