"""Client searches that need several upstream requests, and $explain."""
