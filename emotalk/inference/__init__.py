"""From a trained generator to a finished video: load, generate, mux, serve."""
