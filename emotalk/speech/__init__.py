"""Find when the sounds of a known sentence are spoken."""
