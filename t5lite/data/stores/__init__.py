"""Tokenised examples of a Task and split on disk, built once, and read by number."""
