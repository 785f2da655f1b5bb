"""Page tokens, page links and page sizes."""
