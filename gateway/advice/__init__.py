"""Advice for operators: patterns of requests that cost more than they need to."""
