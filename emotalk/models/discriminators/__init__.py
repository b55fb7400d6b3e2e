"""Discriminators of generated videos: frames, lip sync, emotion and motion."""
