"""One set of Flax NNX layers for every family; a family is a config."""
