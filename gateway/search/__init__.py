"""One client search out of several upstream queries, and $explain."""
