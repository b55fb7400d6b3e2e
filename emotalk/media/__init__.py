"""Read and write video, sound and image files."""
