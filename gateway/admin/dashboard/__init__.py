"""The dashboard at `/admin/`: pages for operators in a browser, made from the JSON of their endpoints."""
