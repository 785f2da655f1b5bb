"""Dialects: failures of responses, redaction, and hostile bodies."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dialects import (
    NOW,
    assert_valid,
    details,
    envelope,
    failure,
    firely,
    request,
    require_failure,
    response,
)

from gateway.errors.catalog import WRITE_OUTCOME_UNKNOWN
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM, operation_outcome
from gateway.upstreams import DIALECTS, failures, halo_failures
from gateway.upstreams.diagnostics import UpstreamText
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.error_rule import ErrorRule

_MODES: tuple[UpstreamText, ...] = ("masked", "full", "none")
_PLANTED = ("Zzyzx", "2950 12345 1", "2950123451", "0123456789abcdef0123456789abcdef", "zzyzx@example.org")
_SECRETS = [
    "Patient Zzyzx (2950 12345 1) is inactive",
    "Zzyzx is away on that date",
    "Login failed for user 'Zzyzx'. Key 0123456789abcdef0123456789abcdef",
    "Violation of UNIQUE KEY. The duplicate key value is (Zzyzx, 2950123451).",
    "SELECT Surname FROM Patients WHERE Surname = 'Zzyzx' AND Medicare = 2950123451",
    "Incorrect syntax near 'Zzyzx'. UPDATE Patients SET Surname = Zzyzx",
    "Mail zzyzx@example.org or call +61 2 9876 5432 for Zzyzx",
    "family=Zzyzx&identifier=2950123451",
]


@pytest.mark.parametrize("line", ["PUT Patient/1", "POST Patient", "PATCH Patient/1", "DELETE Patient/1"])
def test_write_with_unknown_outcome_has_its_own_kind(line: str) -> None:
    for status, text in ((504, "Query took more than 30 seconds"), (406, "-"), (500, "-"), (503, "-")):
        result = require_failure("halo-connect", status, envelope(status, text), line=line)
        assert result.kind.code == WRITE_OUTCOME_UNKNOWN.code
        assert result.retry_after is None
        assert result.codings[0][0] == ERROR_CODE_SYSTEM


def test_write_that_was_not_sent_to_practice_is_repeatable() -> None:
    result = require_failure("halo-connect", 504, envelope(504, "Site is offline."), line="PUT Patient/1")
    assert (result.kind, result.retry_after) == (halo_failures.OFFLINE, 300)


def test_write_refused_by_database_has_no_unknown_outcome() -> None:
    result = require_failure(
        "halo-connect", 400, details("mssql", 207, "Invalid column name 'x'"), line="POST Patient"
    )
    assert result.kind is halo_failures.QUERY_FAILED


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"fault": {}}),
        (400, []),
        (200, [1]),
        (200, {}),
        (500, b"\xff\xfe"),
        (218, b"ok"),
        (600, b""),
        (0, b""),
    ],
)
def test_unknown_shape_is_unrecognised(status: int, body: object) -> None:
    result = require_failure("halo-connect", status, body, ("content-type", "application/x-new; a=b"))
    assert result.kind is failures.UNRECOGNISED_RESPONSE
    assert f"status={status} content-type=application/x-new shape=" in result.diagnostics


def test_unknown_shape_under_informative_status_keeps_status() -> None:
    result = require_failure("halo-connect", 429, {"fault": {}}, ("retry-after", "9"))
    assert (result.kind.status, result.retry_after) == (429, 9)


def test_retry_after_of_upstream_replaces_default() -> None:
    date = ("retry-after", "Sun, 01 Mar 2026 09:02:00 GMT")
    assert require_failure("halo-connect", 503, b"", date).retry_after == 120
    assert require_failure("halo-connect", 429, envelope(429, "Try again in 42 seconds.")).retry_after == 42
    assert require_failure("halo-connect", 503, b"").retry_after == 30


def test_retry_after_is_not_relayed_for_client_error() -> None:
    assert require_failure("halo-connect", 400, envelope(400, "No"), ("retry-after", "5")).retry_after is None


def test_allow_header_is_relayed() -> None:
    result = require_failure("halo-connect", 405, b"", ("allow", "GET"))
    assert result.headers == (("allow", "GET"),)


def test_ids_for_support_are_in_diagnostics() -> None:
    result = require_failure("halo-connect", 500, firely("Broken"), ("x-request-id", "abc-123"))
    expected = "upstream=halo-connect status=500 request=req-0001 upstream-request=abc-123: Broken"
    assert result.diagnostics == expected


def test_upstream_text_setting_selects_masked_full_or_none() -> None:
    upstream = response(400, envelope(400, "Invalid column name 'Dob'. SELECT Dob FROM Patients"))
    results = [
        DIALECTS["halo-connect"].failure_from_response(request(), upstream, now=NOW, upstream_text=mode)
        for mode in _MODES
    ]
    texts = [result.diagnostics.partition("req-0001")[2] for result in results if result]
    assert texts == [": Invalid column name …. …", ": Invalid column name 'Dob'. …", ""]


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("text", _SECRETS)
@pytest.mark.parametrize("status", [200, 400, 403, 404, 500, 504])
def test_personal_data_in_upstream_text_is_redacted(name: str, text: str, status: int) -> None:
    exception = {"exception": "Zzyzx", "ClassName": "Zzyzx", "Message": text, "message": text}
    bodies = envelope(status, text), firely(text), details("mssql", 1, text), text.encode(), exception
    for body in bodies:
        result = failure(name, status, body, ("x-request-id", "Zzyzx zz"), line="GET Patient/1")
        assert result is None or not _leaks(msgspec.json.encode(operation_outcome(result)).decode())


def _leaks(text: str) -> list[str]:
    return [secret for secret in (*_PLANTED, "SELECT", "UPDATE") if secret in text]


_FIELDS = """
error errorDetails errorCode errorMessage errorType status statusText message statusCode
resourceType issue severity code details coding text diagnostics system ClassName Message
resultCode title location
"""
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(_FIELDS.split()),
            inner
            | st.sampled_from(["OperationOutcome", "Bundle", "haloLink", "fatal", "processing", "5003"]),
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(
    body=st.binary(max_size=300) | _JSON.map(msgspec.json.encode),
    status=st.integers(100, 620),
    name=st.sampled_from(sorted(DIALECTS)),
    line=st.sampled_from(["GET Patient", "GET Patient/1", "HEAD metadata", "POST Patient", "GET queries/x"]),
    mode=st.sampled_from(_MODES),
    wait=st.text(max_size=30),
)
def test_any_response_is_good_or_a_valid_failure(
    body: bytes, status: int, name: str, line: str, mode: UpstreamText, wait: str
) -> None:
    upstream = response(status, body, ("content-type", "application/json"), ("retry-after", wait))
    result = DIALECTS[name].failure_from_response(request(line), upstream, now=NOW, upstream_text=mode)
    if result is None:
        assert status < 300 or status == 304
    else:
        assert_valid(result)


def test_long_message_keeps_outcome_small() -> None:
    for text in ("é" * 100_000, "\\" * 100_000, "\x01" * 100_000, "Zz '" * 100_000):
        for mode in _MODES:
            result = DIALECTS["halo-connect"].failure_from_response(
                request(), response(400, firely(text)), now=NOW, upstream_text=mode
            )
            assert result is not None
            assert_valid(result)


_AT_PATH = ErrorRule("pack", failures.PARAMETER_INVALID, body_path="error.code", body_values={"E7"})
_ERROR_IN_200 = {"resourceType": "Patient", "id": "1", "error": {"code": "E7"}}


@pytest.mark.parametrize("name", ["halo-itsm", "health-gorilla"])
def test_rule_with_a_path_finds_an_error_in_a_200(name: str) -> None:
    asked = request("GET Patient/1")
    dialect = DIALECTS[name].with_rules((_AT_PATH,))
    found = dialect.failure_from_response(asked, response(200, _ERROR_IN_200), now=NOW)
    assert found is not None
    assert found.kind == failures.PARAMETER_INVALID
    good = _ERROR_IN_200 | {"error": {"code": "E8"}}
    assert dialect.failure_from_response(asked, response(200, good), now=NOW) is None
    assert DIALECTS[name].failure_from_response(asked, response(200, _ERROR_IN_200), now=NOW) is None


def test_rule_with_a_path_judges_an_error_status_too() -> None:
    dialect = DIALECTS["halo-itsm"].with_rules((_AT_PATH,))
    found = dialect.failure_from_response(request(), response(404, _ERROR_IN_200), now=NOW)
    assert found is not None
    assert found.kind == failures.PARAMETER_INVALID


def test_given_rules_precede_those_of_the_dialect() -> None:
    gorilla_dialect = DIALECTS["health-gorilla"]
    assert gorilla_dialect.with_rules(()) is gorilla_dialect
    rule = ErrorRule("pack", failures.UNAVAILABLE, status={404})
    found = gorilla_dialect.with_rules((rule,)).failure_from_response(request(), response(404), now=NOW)
    assert found is not None
    assert found.kind is failures.UNAVAILABLE


def test_words_of_the_request_select_a_rule_that_reads_all() -> None:
    asked = request("GET x/y", (("user-agent", "invalid client"),))
    reads_all = ErrorRule("a", failures.FORBIDDEN, message_pattern="invalid_client", reads_all_text=True)
    reads_own = ErrorRule("b", failures.FORBIDDEN, message_pattern="invalid_client")
    for rule, kind in ((reads_all, failures.FORBIDDEN), (reads_own, failures.UNAVAILABLE)):
        found = Dialect("plain", (rule,), is_fhir=False).failure_from_response(
            asked, response(503, {"error": "invalid_client"}), now=NOW
        )
        assert found is not None
        assert found.kind is kind
