"""Define the discriminators of generated videos: frames, lip sync, emotion and motion."""
