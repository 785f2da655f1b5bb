"""Directory, relocation and engine version of sites."""
