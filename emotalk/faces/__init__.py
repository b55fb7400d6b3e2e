"""Detect faces and their 68 landmarks, and cut aligned crops."""
