"""Batch Bundles (R4 http.html#transaction): each entry is sent as a request of its own."""
