"""The Flan Collection: its tasks, where they are read from, how they are worded and mixed.

Importing this package registers its Tasks and mixtures with seqio, and opens no file.
"""

from tasks.flan import mixtures, registry
from tasks.flan.registry import data_status

__all__ = ["data_status"]

registry.register()
mixtures.register()
