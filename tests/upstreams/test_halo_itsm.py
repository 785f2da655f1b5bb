"""Error rules of HaloITSM."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cpu_time import least_cpu_seconds
from support.dialects import NOW, failure, request, require_failure, response
from support.upstream_catalogue import HALO_ITSM

from gateway.errors.failure import FailureKind
from gateway.fhir.interaction import NOT_FHIR
from gateway.upstreams import DIALECTS, halo_itsm
from gateway.upstreams.error_body import parse_upstream_error
from gateway.upstreams.error_rule import ErrorRule, UpstreamError
from gateway.upstreams.kinds_by_interaction import kind_for


@pytest.mark.parametrize(("rule", "status", "body", "kind"), HALO_ITSM)
def test_catalogue_entry_has_its_kind(rule: str, status: int, body: Any, kind: FailureKind) -> None:
    assert require_failure("halo-itsm", status, body, line="GET api/tickets").kind == kind_for(kind, NOT_FHIR)


def test_every_rule_is_in_the_catalogue() -> None:
    assert {rule.id for rule in halo_itsm.RULES} <= {rule for rule, *_ in HALO_ITSM}


_FIELDS = """
status statusText statusCode message Message error errorDetails errorCode errorMessage errorType resultCode
ClassName resourceType issue title detail executionFailed
"""
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["uploadFailed", "executionFailed", "OperationOutcome", "fatal", "500", "No"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_FIELDS.split()), inner),
    max_leaves=12,
)


@given(_VALUES, st.sampled_from([200, 201, 202, 203, 204, 206, 207]))
def test_no_business_data_under_a_success_status_is_an_error(body: Any, status: int) -> None:
    assert failure("halo-itsm", status, body, line="GET api/tickets") is None


@given(st.binary(), st.sampled_from(["GET api/tickets", "POST api/tickets", "POST auth/token"]))
def test_no_bytes_under_a_success_status_are_an_error(body: bytes, line: str) -> None:
    assert failure("halo-itsm", 200, body, line=line) is None


def test_large_ticket_is_not_decoded() -> None:
    body = b'{"errorMessage":"No","details":"' + b"x" * 20_000_000
    results = list[object]()
    seconds = least_cpu_seconds(
        lambda: results.append(failure("halo-itsm", 200, body, line="GET api/tickets/1")), 0.01
    )
    assert set(results) == {None}
    assert seconds < 0.01


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"resultCode": "7", "errorMessage": "first", "Message": "second"}, "first"),
        ({"ClassName": "X", "Message": "first", "error": "second"}, "first"),
        ({"Message": "first", "error": "second"}, "first"),
        ({"error": "invalid_client"}, "invalid_client"),
        (b"Rate limit", "Rate limit"),
    ],
)
def test_forms_count_in_the_order_of_its_client_library(body: Any, text: str) -> None:
    encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
    assert parse_upstream_error(encoded, halo_itsm.ENVELOPES).message == text


@pytest.mark.parametrize("rule", halo_itsm.RULES, ids=lambda rule: rule.id)
def test_texts_speak_of_no_practice_and_no_fhir(rule: ErrorRule) -> None:
    assert not re.search(r"practice|FHIR|CapabilityStatement|OperationOutcome|resource", rule.kind.text)


def test_refused_token_request_is_recognised_in_spite_of_its_body() -> None:
    asked = request("POST auth/token").replace(
        body=b"grant_type=client_credentials&client_id=1&client_secret=2"
    )
    result = DIALECTS["halo-itsm"].failure_from_response(
        asked, response(400, {"error": "invalid_client"}), now=NOW
    )
    assert result is not None
    assert result.kind is halo_itsm.TOKEN_REFUSED


@pytest.mark.parametrize(
    ("text", "headers", "seconds"),
    [
        ("Rate Limit Reached - 300 Requests per rolling 5 minute window", (), 5),
        ("Rate Limit Reached - 500 Requests per rolling 3 minute window", (), 3),
        ("Rate Limit Reached - 300 Requests per rolling 5 minute window", (("retry-after", "9"),), 9),
        ("Slow down", (), 5),
    ],
)
def test_throttle_names_its_window_and_a_wait(
    text: str, headers: tuple[tuple[str, str], ...], seconds: int
) -> None:
    result = require_failure("halo-itsm", 429, text.encode(), *headers, line="GET api/tickets")
    assert (result.kind, result.retry_after) == (halo_itsm.RATE_LIMITED, seconds)
    assert "Rate" not in text or text in result.diagnostics


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ticket is already closed", "Ticket is already closed"),
        ("Agent Zzyzx does not have access to Charge Rate", "Agent … does not have access to Charge Rate"),
        ("SLA, workflow and opportunity must be set", "SLA, workflow and opportunity must be set"),
        ("No ticket found with ID 4411 for user Zzyzx", "No ticket found with ID … for user …"),
        ("Sync to Xero failed for invoice 4411", "Sync to Xero failed for invoice …"),
    ],
)
def test_its_words_stay_and_names_go(text: str, shown: str) -> None:
    result = require_failure("halo-itsm", 409, {"Message": text}, line="GET api/tickets")
    assert result.diagnostics.endswith(f": {shown}")


@pytest.mark.parametrize("body", [{"record_count": 0, "tickets": []}, [], {"Message": "Saved"}, b"", b"OK"])
def test_successful_responses_are_no_failures(body: Any) -> None:
    assert failure("halo-itsm", 200, body, line="GET api/tickets") is None


@pytest.mark.parametrize("status", [400, 409, 500, 504])
@pytest.mark.parametrize("line", ["GET api/tickets", "POST api/invoices"])
def test_only_429_is_a_throttle(line: str, status: int) -> None:
    body = {"Message": "Xero: rate limit reached after 3 of 10 invoices"}
    result = require_failure("halo-itsm", status, body, line=line)
    assert result.kind.code != halo_itsm.RATE_LIMITED.code
    assert result.kind.write_outcome_unknown is (status >= 500)


@pytest.mark.parametrize("status", [400, 500, 502])
@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        ["The summary is required"],
        {"errorMessage": "The summary is required"},
        [{"a": [1, None]}],
        "No",
    ],
)
def test_any_json_is_text(body: Any, status: int) -> None:
    result = require_failure("halo-itsm", status, body, line="GET api/tickets")
    assert result.kind.code == ("upstream-status" if status == 400 else f"upstream-{status}")
    refused = require_failure("halo-itsm", status, body, line="POST api/tickets")
    assert (refused.kind.code == "write-outcome-unknown") is (status >= 500)


def test_only_status_of_problem_document_counts() -> None:
    body = {"title": "Invalid", "status": 429, "errors": {"summary": ["The summary is required"]}}
    result = require_failure("halo-itsm", 400, body, line="POST api/tickets")
    assert result.kind is halo_itsm.BAD_REQUEST
    assert "The summary is required" in result.diagnostics


def test_deep_json_is_read() -> None:
    body = b"[" * 900 + b'"required"' + b"]" * 900
    assert "required" in require_failure("halo-itsm", 400, body, line="GET api/tickets").diagnostics


def test_texts_of_large_json_are_cut() -> None:
    body = {"errors": [{"text": "required " * 100} for _ in range(500)]}
    assert len(require_failure("halo-itsm", 400, body, line="GET api/tickets").diagnostics) < 2_000


@pytest.mark.parametrize(
    ("text", "is_duplicate"),
    [
        ("The reference must be unique", True),
        ("Ticket Duplicate invoice is already closed.", False),
        ("Unique Systems Ltd is closed", False),
        ("Must be unique is closed", False),
    ],
)
def test_client_words_make_no_duplicate(text: str, is_duplicate: bool) -> None:
    asked = request("POST api/tickets").replace(body=b'[{"summary": "Must be unique, Duplicate invoice"}]')
    if is_duplicate:
        asked = asked.replace(body=b"[]")
    result = DIALECTS["halo-itsm"].failure_from_response(asked, response(409, {"Message": text}), now=NOW)
    assert result is not None
    assert (result.kind is halo_itsm.DUPLICATE_VALUE) is is_duplicate


_SHARED_TEXTS = [
    kind_for(halo_itsm.HALO_ITSM.rule_for(UpstreamError("text", status)).kind, NOT_FHIR).text
    for status in range(400, 600)
]


def test_no_status_gets_words_of_fhir() -> None:
    assert not [text for text in _SHARED_TEXTS if re.search(r"FHIR|ETag|If-Match|resource\b|_search", text)]
