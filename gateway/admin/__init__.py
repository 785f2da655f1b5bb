"""Operators: /admin/*, health, state metrics, and the client that the command line uses."""
