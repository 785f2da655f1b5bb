"""Responses to requests that a connection rejects."""

import json

from gateway.errors import catalog
from gateway.server.rejection import Rejection


def test_rejection_is_an_outcome_that_closes_the_connection() -> None:
    head, _, body = Rejection(catalog.HEADERS_TOO_LARGE).encode().partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 431 Request Header Fields Too Large"
    assert b"connection: close" in lines
    assert b"content-length: %d" % len(body) in lines
    assert json.loads(body)["resourceType"] == "OperationOutcome"
