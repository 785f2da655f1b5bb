"""HTTP semantics shared by several packages: headers, negotiation, URLs, callers, Cache-Status."""
