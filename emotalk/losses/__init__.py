"""Compute losses: pure functions from networks' outputs to one value a clip (B,).

They take features, logits and callables as plain arguments and draw no random numbers.
"""
