"""Cut a long recording into stretches: one shot, one steady face, whole words."""
