"""Gin files of T5X, read and written as gin files of t5lite: `t5lite config --from_t5x`."""
