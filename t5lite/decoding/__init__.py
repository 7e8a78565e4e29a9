"""Turning a trained model into tokens: prefill, step, sample, score."""
