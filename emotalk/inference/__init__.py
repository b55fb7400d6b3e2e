"""Generate videos with a trained generator, from the command line and on a web page."""
