"""Reports of a run, of what a mixture drew, and of its contamination."""
