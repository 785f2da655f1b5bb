"""Synthetic, reproducible Australian practice data: the same seed and site give the same resources."""
