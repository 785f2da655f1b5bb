"""Date search: parsing, planning and matching. Pure."""
