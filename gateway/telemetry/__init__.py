"""Access log, log format and metrics."""
