"""The Flan Collection: its tasks, where they are read from, how they are rendered and mixed.

Importing this package registers its Tasks and mixtures with seqio, and opens no file.
"""

from . import mixtures, registry
from .registry import data_status

__all__ = ["data_status"]

registry.register()
mixtures.register()
