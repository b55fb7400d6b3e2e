"""Synthetic corpus of drawn, talking faces with emotions.

sentences -> articulation -> voice (sound)
actor, expression -> motion -> geometry (outlines) -> landmarks, face (pixels)
both -> clip -> corpus (CREMA-D's layout), mead (MEAD's)
"""
