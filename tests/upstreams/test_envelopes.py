"""Forms of error bodies by dialect: each dialect reads its own, and no other's."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dialects import apim, details, envelope, gorilla

from gateway.upstreams import DIALECTS
from gateway.upstreams.envelopes import FHIR_ENVELOPES
from gateway.upstreams.error_body import parse_upstream_error
from gateway.upstreams.error_rule import UpstreamError

#: A body in each form.
BODIES: dict[str, Any] = {
    "outcome": gorilla("No"),
    "resource": {"resourceType": "Patient"},
    "details": details("mssql", 207, "No"),
    "root": {"errorCode": 207, "errorMessage": "No"},
    "state": {"status": "uploadFailed"},
    "wrapped": envelope(404, "No"),
    "flat": {"status": 400, "statusText": "Bad Request", "message": "No"},
    "apim": apim(401, "No"),
    "result": {"resultCode": "7", "errorMessage": "No"},
    "exception": {"ClassName": "System.Exception", "Message": "No"},
    "message": {"Message": "No"},
    "oauth": {"error": "invalid_client"},
    "problem": {"title": "T", "status": 503, "detail": "No"},
    "json": ["No"],
    "html": b"<html><title>No</title></html>",
    "text": b"No",
    "empty": b" ",
    "truncated": b'{"error": {"sta',
}
HALO = dict.fromkeys(BODIES) | {name: name for name in BODIES} | {"result": "root", "json": "unknown"}
OTHER_THAN_FHIR = {
    **dict.fromkeys(("details", "root", "state", "wrapped", "result", "json"), "unknown"),
    **dict.fromkeys(("flat", "apim", "exception"), "message"),
}
FHIR = {name: name for name in BODIES} | OTHER_THAN_FHIR
ITSM = {name: name for name in BODIES} | {
    **dict.fromkeys(("outcome", "resource", "details", "root", "state", "wrapped", "problem"), "json"),
    **dict.fromkeys(("flat", "apim"), "message"),
}
#: Dialect -> the form that it sees in a body of each form.
FORMS: dict[str, dict[str, Any]] = {
    "halo-connect": HALO,
    "halo-sql": HALO,
    "health-gorilla": FHIR,
    "fhir": FHIR,
    "halo-itsm": ITSM,
}


def read(dialect: str, body: Any) -> UpstreamError:
    encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return parse_upstream_error(encoded, DIALECTS[dialect].envelopes)


@pytest.mark.parametrize("form", BODIES)
@pytest.mark.parametrize("dialect", FORMS)
def test_dialect_sees_only_its_own_forms(dialect: str, form: str) -> None:
    error = read(dialect, BODIES[form])
    assert error.shape == FORMS[dialect][form]
    assert error.message == "" or error.shape != "unknown"


def test_table_has_every_dialect_and_form() -> None:
    assert set(FORMS) == set(DIALECTS)
    shapes = {form.shape for dialect in DIALECTS.values() for form in dialect.envelopes}
    assert shapes | {"truncated"} == set(BODIES)


@pytest.mark.parametrize("dialect", FORMS)
def test_no_form_is_named_twice(dialect: str) -> None:
    shapes = [form.shape for form in DIALECTS[dialect].envelopes]
    assert len(shapes) == len(set(shapes))


@given(st.sampled_from(sorted(FORMS)), st.binary(max_size=200))
def test_any_bytes_have_a_form(dialect: str, body: bytes) -> None:
    assert read(dialect, body).shape in {*BODIES, "unknown"}


def test_unreadable_text_is_unknown() -> None:
    assert parse_upstream_error(b"\x89PNG\xff", FHIR_ENVELOPES).shape == "unknown"


def test_no_form_means_unknown() -> None:
    assert {parse_upstream_error(body, ()).shape for body in (b"", b"x", b"<p>", b"{}")} == {"unknown"}
