"""Serve a web page, and an API, that make videos from a picture, a recording and an emotion."""
