"""Model folders: what lies in one, saving a run there, and loading a model from there."""
