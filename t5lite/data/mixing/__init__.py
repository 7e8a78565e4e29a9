"""Which example of which Task comes next: a function of the seed and the position alone."""
