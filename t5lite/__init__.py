"""t5lite: instruction-tune and study text-to-text transformers in JAX."""

from t5lite import tasks_finder

__version__ = "0.1.0"

# What can be imported as `tasks.mini` is decided where t5lite is: the one thing done at import.
tasks_finder.install()
