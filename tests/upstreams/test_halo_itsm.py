"""Error rules of HaloITSM."""

import re
from time import perf_counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dialects import NOW, failure, request, require_failure, response
from support.upstream_catalogue import HALO_ITSM

from gateway.errors.failure import FailureKind
from gateway.fhir.interaction import NOT_FHIR
from gateway.upstreams import DIALECTS, halo_itsm
from gateway.upstreams.error_body import parse_upstream_error
from gateway.upstreams.error_rule import ErrorRule
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
    start = perf_counter()
    assert failure("halo-itsm", 200, body, line="GET api/tickets/1") is None
    assert perf_counter() - start < 0.01


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
        ("Rate Limit Reached - 300 Requests per rolling 5 minute window", (), 300),
        ("Rate Limit Reached - 500 Requests per rolling 3 minute window", (), 180),
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
