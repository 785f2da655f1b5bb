import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dialects import NOW, check, details, failed, failure, firely, request, response, wrapped

from gateway.errors.catalog import WRITE_OUTCOME_UNKNOWN
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM, operation_outcome
from gateway.upstreams import DIALECTS, failures, halo_failures
from gateway.upstreams.diagnostics import UpstreamText

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
def test_a_change_whose_outcome_nobody_knows_says_so(line: str) -> None:
    for status, text in ((504, "Query took more than 30 seconds"), (406, "-"), (500, "-"), (503, "-")):
        found = failed("halo-connect", status, wrapped(status, text), line=line)
        assert found.kind is WRITE_OUTCOME_UNKNOWN
        assert found.retry_after is None
        assert found.codings[0][0] == ERROR_CODE_SYSTEM


def test_a_change_that_never_reached_the_practice_may_be_sent_again() -> None:
    found = failed("halo-connect", 504, wrapped(504, "Site is offline."), line="PUT Patient/1")
    assert (found.kind, found.retry_after) == (halo_failures.OFFLINE, 300)


def test_a_change_the_database_refused_was_not_made() -> None:
    found = failed("halo-connect", 400, details("mssql", 207, "Invalid column name 'x'"), line="POST Patient")
    assert found.kind is halo_failures.QUERY_FAILED


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
def test_an_unknown_shape_fails_closed(status: int, body: object) -> None:
    found = failed("halo-connect", status, body, ("content-type", "application/x-new; a=b"))
    assert found.kind is failures.UNRECOGNISED_RESPONSE
    assert f"status={status} content-type=application/x-new shape=" in found.diagnostics


def test_an_unknown_shape_under_a_status_that_speaks_keeps_it() -> None:
    found = failed("halo-connect", 429, {"fault": {}}, ("retry-after", "9"))
    assert (found.kind.status, found.retry_after) == (429, 9)


def test_an_upstreams_own_wait_wins() -> None:
    date = ("retry-after", "Sun, 01 Mar 2026 09:02:00 GMT")
    assert failed("halo-connect", 503, b"", date).retry_after == 120
    assert failed("halo-connect", 429, wrapped(429, "Try again in 42 seconds.")).retry_after == 42
    assert failed("halo-connect", 503, b"").retry_after == 30


def test_where_waiting_does_not_help_no_wait_is_relayed() -> None:
    assert failed("halo-connect", 400, wrapped(400, "No"), ("retry-after", "5")).retry_after is None


def test_allow_reaches_the_client() -> None:
    found = failed("halo-connect", 405, b"", ("allow", "GET"))
    assert found.headers == (("allow", "GET"),)


def test_ids_for_support_are_in_diagnostics() -> None:
    found = failed("halo-connect", 500, firely("Broken"), ("x-request-id", "abc-123"))
    expected = "upstream=halo-connect status=500 request=req-0001 upstream-request=abc-123: Broken"
    assert found.diagnostics == expected


def test_text_is_masked_full_or_absent_as_configured() -> None:
    said = "Invalid column name 'Dob'. SELECT Dob FROM Patients"
    asked, answer = request(), response(400, wrapped(400, said))
    found = [
        DIALECTS["halo-connect"].failure_from_response(asked, answer, now=NOW, upstream_text=mode)
        for mode in _MODES
    ]
    ends = [each.diagnostics.partition("req-0001")[2] for each in found if each]
    assert ends == [": Invalid column name …. …", ": Invalid column name 'Dob'. …", ""]


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("said", _SECRETS)
@pytest.mark.parametrize("status", [200, 400, 403, 404, 500, 504])
def test_nothing_planted_reaches_the_client(name: str, said: str, status: int) -> None:
    exception = {"exception": "Zzyzx", "ClassName": "Zzyzx", "Message": said, "message": said}
    for body in (wrapped(status, said), firely(said), details("mssql", 1, said), said.encode(), exception):
        found = failure(name, status, body, ("x-request-id", "Zzyzx zz"), line="GET Patient/1")
        assert found is None or not _leaks(msgspec.json.encode(operation_outcome(found)).decode())


def _leaks(text: str) -> list[str]:
    return [each for each in (*_PLANTED, "SELECT", "UPDATE") if each in text]


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
def test_whatever_arrives_is_good_or_a_valid_failure(
    body: bytes, status: int, name: str, line: str, mode: UpstreamText, wait: str
) -> None:
    answer = response(status, body, ("content-type", "application/json"), ("retry-after", wait))
    found = DIALECTS[name].failure_from_response(request(line), answer, now=NOW, upstream_text=mode)
    if found is None:
        assert status < 300 or status == 304
    else:
        check(found)


def test_the_longest_message_keeps_the_outcome_small() -> None:
    for text in ("é" * 100_000, "\\" * 100_000, "\x01" * 100_000, "Zz '" * 100_000):
        for mode in _MODES:
            answer = response(400, firely(text))
            found = DIALECTS["halo-connect"].failure_from_response(
                request(), answer, now=NOW, upstream_text=mode
            )
            assert found is not None
            check(found)
