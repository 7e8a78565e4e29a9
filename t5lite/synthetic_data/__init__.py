"""Models that make data: teachers, and the systems in which they teach smaller models."""
