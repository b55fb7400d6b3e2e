"""Examine what this machine has and lacks for each part of the project."""
