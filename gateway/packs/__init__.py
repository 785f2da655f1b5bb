"""Quirk packs: known issues of an upstream as a TOML file, without code."""
