"""`halo-gateway probe SITE`: measures undocumented behaviour of a live site and prints its settings."""
