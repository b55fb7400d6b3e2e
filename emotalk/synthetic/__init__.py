"""Drawn faces that talk and feel: a corpus for machines that have none.

sentences -> articulation -> voice (sound)
actor, expression -> geometry (landmarks) -> face (pixels)
both -> clip -> corpus
"""
