"""Which training examples share n-grams with evaluation sets."""
