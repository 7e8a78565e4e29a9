"""The settings of a run: gin files and flags, every configurable, where each value came from."""
