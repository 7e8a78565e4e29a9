"""The Flan Collection: its tasks, where they are read from, how they are worded and mixed."""
