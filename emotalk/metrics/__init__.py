"""Metrics of generated videos as plain functions on arrays and tensors.

Image metrics take float RGB in [0, 1]. Landmark metrics take pixels of the 128 x 128 crop.
"""
