"""Hugging Face layouts, one module a family."""
