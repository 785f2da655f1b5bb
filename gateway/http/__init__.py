"""HTTP semantics that several subjects share: headers, negotiation, Cache-Status."""
