"""Plugins: repairs and dialects of other packages, found by their entry points."""
