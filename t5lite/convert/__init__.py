"""In and out of other checkpoint formats: a table of names a family, one engine."""

from t5lite.convert.load import export_hf, load_foreign, open_foreign
from t5lite.convert.names import parameters, stack

__all__ = ["export_hf", "load_foreign", "open_foreign", "parameters", "stack"]
