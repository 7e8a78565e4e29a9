"""What comes from outside, changed at random: for test_fuzz.py and benchmarks/fuzz.py."""
