"""Search as R4 describes it, over one practice's records, with the variants Halo leaves open."""
