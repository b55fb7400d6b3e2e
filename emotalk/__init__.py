"""Make talking faces from a face image, a recording of speech and an emotion."""

__version__ = "0.1.0"
