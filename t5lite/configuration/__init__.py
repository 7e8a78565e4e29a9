"""What a run is told: gin files and flags, every configurable, where each value came from."""
