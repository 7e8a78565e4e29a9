"""t5lite: instruction-tune and study text-to-text transformers in JAX."""

__version__ = "0.1.0"
