"""Configuration: pydantic sections, YAML files, dotted overrides. No torch here."""
