"""Self-Instruct (arXiv:2212.10560) and Alpaca's variant: instructions made from a few seeds."""
