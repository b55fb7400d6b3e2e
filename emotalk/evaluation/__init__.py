"""A trained generator against the test split: data, inference and metrics brought together."""
