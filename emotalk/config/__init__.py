"""Define, load and check configurations: pydantic sections, YAML files, dotted overrides."""
