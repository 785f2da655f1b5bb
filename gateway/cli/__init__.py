"""The commands of halo-gateway."""
