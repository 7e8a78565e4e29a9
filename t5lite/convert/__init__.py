"""In and out of other checkpoint formats: a table of names a family, one engine."""

from t5lite.convert.load import export_hf, load_external, open_external
from t5lite.convert.names import parameters, stack

__all__ = ["export_hf", "load_external", "open_external", "parameters", "stack"]
