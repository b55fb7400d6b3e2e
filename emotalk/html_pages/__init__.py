"""Render HTML pages that need nothing beside them: one set-up of templates, one style."""
