"""Date search: parsing, planning and matching, as pure functions."""
