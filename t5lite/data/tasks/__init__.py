"""The adapter to seqio: task modules, and what Tasks and Mixtures give."""
