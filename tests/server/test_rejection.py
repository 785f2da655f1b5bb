"""Responses to requests that a connection rejects."""

import json

from gateway.cache.prepared import AddedFields
from gateway.errors import catalog
from gateway.server.rejection import Rejection


def test_rejection_is_an_outcome_that_closes_the_connection() -> None:
    head, _, body = Rejection(catalog.HEADERS_TOO_LARGE).encode().partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 431 Request Header Fields Too Large"
    assert b"connection: close" in lines
    assert b"content-length: %d" % len(body) in lines
    assert json.loads(body)["resourceType"] == "OperationOutcome"


def test_rejection_has_the_fields_for_a_page() -> None:
    added = AddedFields(((b"access-control-allow-origin", b"https://a.example"),), vary=b"origin")
    head = Rejection(catalog.BAD_REQUEST).encode(added).partition(b"\r\n\r\n")[0]
    lines = head.split(b"\r\n")
    assert b"access-control-allow-origin: https://a.example" in lines
    (vary,) = [line for line in lines if line.startswith(b"vary: ")]
    assert vary.endswith(b", origin")
