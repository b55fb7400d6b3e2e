"""Evaluate generators: choose clips, generate and compare videos, write reports."""
