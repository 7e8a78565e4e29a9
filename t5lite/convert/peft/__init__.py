"""Folders of `peft`: adapters beside a model of Hugging Face, read and written."""
