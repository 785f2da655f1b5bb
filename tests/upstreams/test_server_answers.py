"""Good responses of a FHIR server that are no resource, and the media type of those without one."""

from typing import Any

import pytest
from support.dialects import request, response

from gateway.exchange import FhirResponse
from gateway.upstreams.halo_envelopes import HALO_ENVELOPES
from gateway.upstreams.response_check import ResponseCheck
from gateway.upstreams.server_answers import is_other_answer, with_media_type

JOB = ("content-location", "http://up/RequestResult/9")
PDF = ("content-type", "application/pdf")
MANIFEST = {"transactionTime": "2026-01-01T00:00:00Z", "output": [{"url": "x"}], "error": []}


@pytest.mark.parametrize(
    ("line", "received"),
    [
        ("GET Patient", response(202, b"", JOB)),
        ("GET Patient/1", response(202, b"", ("location", "x"))),
        ("GET Patient/1/$everything", response(200, MANIFEST)),
        ("GET Patient/1/$everything", response(200, b"%PDF", PDF)),
        ("GET Patient/1/$export", response(200, b"{}\n{}", ("content-type", "application/fhir+ndjson"))),
        ("GET download/1", response(302, b"", ("location", "x"))),
    ],
)
def test_answers_of_other_servers_are_refused_of_halo(line: str, received: FhirResponse) -> None:
    asked = request(line)
    assert is_other_answer(asked, received)
    assert ResponseCheck(asked, received).is_acceptable
    assert not ResponseCheck(asked, received, True, HALO_ENVELOPES, "envelopes").is_acceptable or (
        received.status == 202 and not asked.interaction.type
    )


@pytest.mark.parametrize(
    ("line", "status", "body", "field"),
    [
        ("GET Patient", 202, b"", ("x", "y")),
        ("GET Patient", 202, b"<html>", JOB),
        ("GET Patient", 200, MANIFEST, PDF),
        ("GET Patient", 200, b"%PDF", PDF),
        ("GET Patient/1/$x", 200, b"", PDF),
        ("GET Patient/1/$x", 200, b"<HTML>", PDF),
        ("GET Patient/1/$x", 200, {"error": "no", "output": []}, JOB),
        ("GET Patient/1/$x", 200, {"resourceType": "Bundle", "output": []}, JOB),
        ("GET Patient/1/$x", 200, {"status": "ok"}, JOB),
        ("GET Patient/1/$x", 206, b"%PDF", PDF),
        ("GET Patient/1", 302, b"", ("location", "x")),
        ("POST download/1", 302, b"", ("location", "x")),
        ("GET download/1", 302, b"", JOB),
        ("GET download/1", 304, b"", ("location", "x")),
    ],
)
def test_what_is_none_of_them(line: str, status: int, body: Any, field: tuple[str, str]) -> None:
    assert not is_other_answer(request(line), response(status, body, field))


@pytest.mark.parametrize(
    ("line", "name", "body", "expected"),
    [
        ("GET Patient/1", "", b"\xef\xbb\xbf{}", "application/fhir+json"),
        ("GET Patient/1", "text/html", b" {}", "application/fhir+json"),
        ("GET Patient/1", "application/json", b"{}", "application/json"),
        ("GET Patient/1", "", b"", ""),
        ("GET Binary/1", "", b"{}", "application/fhir+json"),
        ("GET Binary/1", "", b"%PDF", "application/octet-stream"),
        ("GET Binary/1", "text/plain", b"{}", "text/plain"),
        ("GET Patient/1/$x", "text/plain", b"{}", "application/fhir+json"),
        ("GET Patient/1/$x", "application/ndjson", b"{}", "application/ndjson"),
    ],
)
def test_media_type_is_that_of_the_content(line: str, name: str, body: bytes, expected: str) -> None:
    received = response(200, body, *([("content-type", name)] if name else [("x", "y")]))
    result = with_media_type(request(line), received)
    assert result.header("content-type") == expected
    assert result is received or result.body == body.removeprefix(b"\xef\xbb\xbf")
