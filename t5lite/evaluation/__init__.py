"""What finished evaluations say: the table of Flan's suites, and the comparison of two models."""
