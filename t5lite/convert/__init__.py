"""In and out of other checkpoint formats: a table of names a family, one engine."""
