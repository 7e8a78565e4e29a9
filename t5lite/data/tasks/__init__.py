"""The adapter to seqio: registry modules, and what Tasks and Mixtures give."""
