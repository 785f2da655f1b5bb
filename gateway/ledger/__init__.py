"""Billable queries: classification, counting, caps and storage."""
