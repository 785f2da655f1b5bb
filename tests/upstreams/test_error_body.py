"""Shapes of upstream error bodies."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dialects import apim, details, envelope, firely, gorilla

from gateway.upstreams.error_body import parse_upstream_error
from gateway.upstreams.halo_envelopes import HALO_ENVELOPES
from gateway.upstreams.halo_itsm import RESULT

_ENVELOPES = (RESULT, *HALO_ENVELOPES)

#: Shape, status, message, body
SHAPES: list[tuple[str, int, str, Any]] = [
    ("outcome", 0, "No", firely("No")),
    ("outcome", 0, "No", gorilla("No")),
    ("resource", 0, "", {"resourceType": "Patient"}),
    ("details", 413, "No", {"errorCode": 1, "errorMessage": "old", **details("http", 413, "No")}),
    ("details", 0, "No", details("mssql", 413, "No")),
    ("root", 413, "No", {"errorCode": 413, "errorMessage": "No"}),
    ("root", 0, "", {"status": "executionFailed"}),
    ("wrapped", 404, "No", envelope(404, "No")),
    ("flat", 400, "No", {"status": 400, "statusText": "Bad Request", "message": "No"}),
    ("apim", 401, "No", apim(401, "No")),
    ("result", 0, "No", {"resultCode": "7", "errorMessage": "No"}),
    ("exception", 0, "No", {"ClassName": "System.Exception", "Message": "No"}),
    ("message", 0, "No", {"Message": "No"}),
    ("message", 0, "No", {"message": "No", "code": "Some"}),
    ("oauth", 0, "invalid_client", {"error": "invalid_client"}),
    ("oauth", 0, "No", {"error": "invalid_client", "error_description": "No"}),
    ("problem", 503, "No", {"title": "T", "status": 503, "detail": "No"}),
    ("state", 0, "", {"status": "uploadFailed"}),
    ("html", 0, "502 Bad Gateway", b"<html><title>502 Bad\nGateway</title></html>"),
    ("html", 0, "", b"<p>"),
    ("text", 0, "Rate limit", b"Rate\tlimit "),
    ("empty", 0, "", b" \r\n"),
    ("empty", 0, "", b"\xef\xbb\xbf"),
    ("truncated", 0, "", b'{"error": {"stat'),
    ("unknown", 0, "", {"fault": 1}),
    ("unknown", 0, "", [1]),
    ("unknown", 0, "", b"\x89PNG\xff"),
    ("truncated", 0, "", b"[" * 100_000),
]


@pytest.mark.parametrize(("shape", "status", "message", "body"), SHAPES)
def test_each_shape_is_parsed(shape: str, status: int, message: str, body: Any) -> None:
    error = parse_upstream_error(body if isinstance(body, bytes) else msgspec.json.encode(body), _ENVELOPES)
    assert (error.shape, error.status, error.message) == (shape, status, message)


def test_byte_order_mark_is_ignored() -> None:
    assert parse_upstream_error(b'\xef\xbb\xbf{"Message":"No"}', _ENVELOPES).message == "No"


def test_halves_of_surrogate_pairs_hide_no_error() -> None:
    error = parse_upstream_error(rb'{"errorCode": 413, "errorMessage": "\ud83d too large"}', _ENVELOPES)
    assert (error.shape, error.status, error.message) == ("root", 413, "\ufffd too large")


def test_message_is_cut_at_1000_characters() -> None:
    assert len(parse_upstream_error(b"word " * 10_000, _ENVELOPES).message) == 1_000


@given(st.binary())
def test_any_bytes_are_parsed(body: bytes) -> None:
    assert len(parse_upstream_error(body, _ENVELOPES).searchable_text) <= 3_000


@given(st.binary(max_size=40), st.sampled_from(SHAPES), st.integers(0, 200))
def test_damaged_body_is_parsed(junk: bytes, example: tuple[str, int, str, Any], place: int) -> None:
    body = example[3] if isinstance(example[3], bytes) else msgspec.json.encode(example[3])
    assert parse_upstream_error(body[:place] + junk + body[place:], _ENVELOPES).shape
