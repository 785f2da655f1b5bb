"""OperationOutcomes among the entries of a searchset."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dialects import KEY, NOW, assert_valid, failure, firely, request, require_failure, response

from gateway.upstreams import DIALECTS, failures
from gateway.upstreams.searchset_outcomes import downgrade_ignored_parameters, failing_outcome

IGNORED = firely("Argument is not supported: colour", "not-supported")
REQUEST = request("GET Patient")
BROKEN = firely("Results may be missing")


def warning(text: str = "Argument is not supported: colour") -> dict[str, object]:
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "warning", "code": "not-supported", "details": {"text": text}}],
    }


def searchset(*outcomes: object) -> dict[str, object]:
    match = {"resource": {"resourceType": "Patient", "id": "1", "weight": 1.10}, "search": {"mode": "match"}}
    entries = [{"resource": outcome, "search": {"mode": "outcome"}} for outcome in outcomes]
    return {"resourceType": "Bundle", "type": "searchset", "entry": [match, *entries]}


def encode_searchset(*outcomes: object) -> bytes:
    return msgspec.json.encode(searchset(*outcomes))


@pytest.mark.parametrize("outcomes", [(), (warning(),), (warning(), warning("Slow"))])
def test_searchset_with_warnings_is_unchanged(outcomes: tuple[object, ...]) -> None:
    body = encode_searchset(*outcomes)
    assert failure("halo-connect", 200, searchset(*outcomes)) is None
    assert downgrade_ignored_parameters(body) is body


def test_error_among_entries_fails_the_search() -> None:
    result = require_failure("halo-connect", 200, searchset(warning(), BROKEN))
    assert (result.kind, result.kind.status) == (failures.ERROR_IN_200, 502)
    assert "missing" in result.diagnostics


def test_known_error_among_entries_has_its_kind() -> None:
    result = require_failure("halo-connect", 200, searchset(firely("Login failed for user 'x'")))
    assert (result.kind.code, result.kind.status) == ("practice-not-authorised", 403)


def test_outcome_without_issues_is_a_failure() -> None:
    assert (
        require_failure("halo-connect", 200, searchset({"resourceType": "OperationOutcome"})).kind.status
        == 502
    )


def test_ignored_parameter_is_downgraded_to_a_warning() -> None:
    assert failure("halo-connect", 200, searchset(IGNORED)) is None
    bundle = msgspec.json.decode(downgrade_ignored_parameters(encode_searchset(warning(), IGNORED)))
    severities = [entry["resource"]["issue"][0]["severity"] for entry in bundle["entry"][1:]]
    assert severities == ["warning", "warning"]


def test_downgrade_keeps_the_bytes_of_other_entries() -> None:
    body = encode_searchset(IGNORED).replace(b'"weight":1.1', b'"weight":1.10')
    assert b'"weight":1.10' in downgrade_ignored_parameters(body)


def test_ignored_parameter_is_an_error_with_strict_handling() -> None:
    strict = request(headers=(*KEY, ("prefer", "handling = strict")))
    upstream = response(200, searchset(IGNORED))
    result = DIALECTS["halo-connect"].failure_from_response(strict, upstream, now=NOW)
    assert result is not None
    assert_valid(result)
    assert (result.kind, result.kind.status) == (failures.PARAMETER_UNKNOWN, 400)


def test_marker_inside_a_resource_is_no_outcome() -> None:
    bundle = searchset({"resourceType": "Basic", "code": {"text": 'a "OperationOutcome" of surgery'}})
    assert failure("halo-connect", 200, bundle) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"entry":"OperationOutcome"}',
        b'{"entry":[{"resource":"OperationOutcome"}]}',
        b'{"entry":[{"resource":{"x":"OperationOutcome"}}',
        b'["OperationOutcome"]',
    ],
)
def test_invalid_searchset_has_no_outcomes(body: bytes) -> None:
    assert failing_outcome(body, REQUEST) == b""
    assert downgrade_ignored_parameters(body) is body


_ISSUE = st.fixed_dictionaries(
    {},
    optional={
        "severity": st.sampled_from(["fatal", "error", "warning", "information", "x", 1]),
        "details": st.just({"text": "Argument not supported: a"}) | st.none(),
        "diagnostics": st.sampled_from(["Broken", "Unknown parameter"]),
    },
)
_OUTCOME: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {"resourceType": st.just("OperationOutcome")},
    optional={"issue": st.lists(_ISSUE | st.just("x"), max_size=3) | st.just({})},
)


@given(st.lists(_OUTCOME, max_size=3))
def test_no_severe_issue_remains_after_downgrade(outcomes: list[object]) -> None:
    body = encode_searchset(*outcomes)
    if not failing_outcome(body, REQUEST):
        bundle = msgspec.json.decode(downgrade_ignored_parameters(body))
        issues = [issue for entry in bundle["entry"][1:] for issue in entry["resource"]["issue"]]
        severities = {issue.get("severity") for issue in issues if isinstance(issue, dict)}
        assert severities <= {"warning", "information"}
