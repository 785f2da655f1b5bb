"""R4 search over one practice's records, with variants of behaviour that Halo does not document."""
