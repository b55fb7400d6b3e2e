"""Define the size of the drawn frames, and the place of the face in them."""

FRAME_HEIGHT, FRAME_WIDTH = 360, 480
FACE_ORIGIN = (240.0, 168.0)  # origin of the face's coordinates in the frame, at rest
