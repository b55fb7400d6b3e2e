"""Reading and writing of video and sound files."""
