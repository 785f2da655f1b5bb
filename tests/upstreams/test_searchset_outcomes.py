import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dialects import KEY, NOW, check, failed, failure, firely, request, response

from gateway.upstreams import DIALECTS, failures
from gateway.upstreams.searchset_outcomes import downgrade_ignored_parameters, failing_outcome

IGNORED = firely("Argument is not supported: colour", "not-supported")
BROKEN = firely("Results may be missing")


def warning(text: str = "Argument is not supported: colour") -> dict[str, object]:
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "warning", "code": "not-supported", "details": {"text": text}}],
    }


def searchset(*outcomes: object) -> dict[str, object]:
    match = {"resource": {"resourceType": "Patient", "id": "1", "weight": 1.10}, "search": {"mode": "match"}}
    others = [{"resource": each, "search": {"mode": "outcome"}} for each in outcomes]
    return {"resourceType": "Bundle", "type": "searchset", "entry": [match, *others]}


def encoded(*outcomes: object) -> bytes:
    return msgspec.json.encode(searchset(*outcomes))


@pytest.mark.parametrize("outcomes", [(), (warning(),), (warning(), warning("Slow"))])
def test_warnings_pass_untouched(outcomes: tuple[object, ...]) -> None:
    body = encoded(*outcomes)
    assert failure("halo-connect", 200, searchset(*outcomes)) is None
    assert downgrade_ignored_parameters(body) is body


def test_an_error_among_the_entries_fails_the_whole_search() -> None:
    found = failed("halo-connect", 200, searchset(warning(), BROKEN))
    assert (found.kind, found.kind.status) == (failures.ERROR_IN_200, 502)
    assert "missing" in found.diagnostics


def test_an_error_that_is_known_keeps_its_meaning() -> None:
    found = failed("halo-connect", 200, searchset(firely("Login failed for user 'x'")))
    assert (found.kind.code, found.kind.status) == ("practice-not-authorised", 403)


def test_an_outcome_without_issues_is_a_failure() -> None:
    assert failed("halo-connect", 200, searchset({"resourceType": "OperationOutcome"})).kind.status == 502


def test_a_parameter_that_was_only_ignored_is_lowered_to_a_warning() -> None:
    assert failure("halo-connect", 200, searchset(IGNORED)) is None
    new = msgspec.json.decode(downgrade_ignored_parameters(encoded(warning(), IGNORED)))
    severities = [each["resource"]["issue"][0]["severity"] for each in new["entry"][1:]]
    assert severities == ["warning", "warning"]


def test_other_entries_keep_their_bytes_when_an_outcome_is_lowered() -> None:
    body = encoded(IGNORED).replace(b'"weight":1.1', b'"weight":1.10')
    assert b'"weight":1.10' in downgrade_ignored_parameters(body)


def test_who_asked_for_strict_handling_gets_the_ignored_parameter_as_an_error() -> None:
    asked = request(headers=(*KEY, ("prefer", "handling = strict")))
    found = DIALECTS["halo-connect"].failure_from_response(asked, response(200, searchset(IGNORED)), now=NOW)
    assert found is not None
    check(found)
    assert (found.kind, found.kind.status) == (failures.PARAMETER_UNKNOWN, 400)


def test_text_inside_a_resource_is_no_outcome() -> None:
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
def test_what_is_no_searchset_has_no_outcomes(body: bytes) -> None:
    assert failing_outcome(body) == b""
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
def test_no_grave_issue_is_ever_left_among_the_entries(outcomes: list[object]) -> None:
    body = encoded(*outcomes)
    if not failing_outcome(body):
        new = msgspec.json.decode(downgrade_ignored_parameters(body))
        issues = [issue for each in new["entry"][1:] for issue in each["resource"]["issue"]]
        grave = {each.get("severity") for each in issues if isinstance(each, dict)}
        assert grave <= {"warning", "information"}
