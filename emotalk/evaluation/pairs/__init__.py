"""Evaluate pairs of a generated and a true video, whatever system made the generated one."""
