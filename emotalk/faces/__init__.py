"""Detect faces, find their 68 landmarks, and cut aligned crops."""
