"""Drawn faces that talk and feel: a corpus for machines that have none.

sentences -> articulation -> voice (sound) and expression -> face (pixels, landmarks) -> clip -> corpus
"""
