"""emotalk: a face image, a recording of speech and an emotion become a talking, feeling face."""

__version__ = "0.1.0"
