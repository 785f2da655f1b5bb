"""SQL Passthrough: queries in SQL to the database of a practice (Halo Connect, `/queries`)."""
