"""Synthetic Australian practice data, reproducible: the same seed and site give the same resources."""
