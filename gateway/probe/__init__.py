"""`halo-gateway probe SITE`: asks a live site what is not documented, and prints the settings to write."""
