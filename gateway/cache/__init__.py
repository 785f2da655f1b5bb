"""The response cache (RFC 9111)."""
