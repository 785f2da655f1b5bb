"""Synthetic secrets of the tests, each of 32 bytes that were random once."""

SECRET = "Vn3kq9rJw1xT5yZbQe7uLhPc0sMdGf2aXiOo8RtKvYE="  # noqa: S105 - a test's own
OTHER_SECRET = "q4Wm7TzC1eNf0KbXs8JyRd5GhUaLiV2oPx9EtQcZvM3="  # noqa: S105 - a test's own
SECRETS = (SECRET, OTHER_SECRET)
