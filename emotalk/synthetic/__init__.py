"""Synthetic corpus of drawn, talking faces with emotions.

sentences -> articulation -> voice (sound)
actor, expression -> motion -> geometry (outlines) -> landmarks, face (pixels)
both -> clip -> corpus (CREMA-D's layout), mead (MEAD's)

photo_actor draws people, places, cameras and microphones that differ as photographs and recordings
do: lens and camera bend and take the drawn frames, microphone records the voice.
"""
