"""Administration: /admin/*, health, landing page, state metrics, and the command line's HTTP client."""
