"""Every row of the catalogue over real sockets: upstream response and the client's OperationOutcome."""

from typing import Any

import pytest
from end_to_end.failing_gateway import BASE, CLIENT_REQUESTS, FailingGateway, checked_issue, error_code
from support.dialects import SEARCH, require_failure
from support.upstream_catalogue import HALO_CONNECT, HALO_ITSM, HALO_SQL, HEALTH_GORILLA, STATUSES

from gateway.errors.failure import FailureKind
from gateway.fhir.interaction import NOT_FHIR, Interaction
from gateway.upstreams import DIALECTS, failures
from gateway.upstreams.halo_failures import RESULT_TOO_LARGE
from gateway.upstreams.kinds_by_interaction import kind_for

READ = Interaction("read", "Patient", "1")

CASES: list[tuple[str, str, int, Any, FailureKind]] = [
    *(("halo-connect", *case) for case in HALO_CONNECT),
    *(("halo-sql", "sql", *case) for case in HALO_SQL),
    *(("health-gorilla", *case) for case in HEALTH_GORILLA),
    *(("halo-itsm", *case) for case in HALO_ITSM),
]


@pytest.mark.parametrize(("dialect", "row", "status", "body", "kind"), CASES)
def test_every_rule_gives_its_outcome_and_status(
    gateway: FailingGateway, dialect: str, row: str, status: int, body: Any, kind: FailureKind
) -> None:
    # A search with this error would be retried with a smaller page.
    is_read = kind is RESULT_TOO_LARGE and dialect == "halo-connect"
    response = gateway.get_with_upstream_response(
        dialect, status, body, path=f"{BASE}/Patient/1" if is_read else ""
    )
    search = SEARCH if DIALECTS[dialect].is_fhir else NOT_FHIR
    kind = kind_for(kind, READ if is_read else search)
    issue = checked_issue(response, kind.status)
    assert (error_code(issue), issue["details"]["text"]) == (kind.code, kind.text)
    line = "GET Patient" if DIALECTS[dialect].is_fhir else "GET api/tickets"
    expected = require_failure(dialect, status, body, line=line)
    assert issue["code"] == expected.issue
    wait = None if expected.retry_after is None else str(expected.retry_after)
    assert response.headers.get("retry-after") == wait
    assert len(gateway.pair.sent()) == 1


#: Statuses without a rule of Health Gorilla; the emulator cannot send interim responses.
_OWN_STATUSES = {status for row in DIALECTS["health-gorilla"].rules for status in row.status}
_OTHER_STATUSES = {
    status: meaning for status, meaning in STATUSES.items() if status >= 200 and status not in _OWN_STATUSES
}


@pytest.mark.parametrize("status", _OTHER_STATUSES)
def test_every_other_status_gives_an_outcome(gateway: FailingGateway, status: int) -> None:
    client_status, issue_type, wait = _OTHER_STATUSES[status]
    response = gateway.get_with_upstream_response("health-gorilla", status, b"no", path="/hg/Patient/1")
    issue = checked_issue(response)
    assert (response.status_code, issue["code"]) == (client_status, issue_type)
    assert response.headers.get("retry-after") == (None if wait is None else str(wait))


@pytest.mark.parametrize("dialect", sorted(DIALECTS.keys() - {"halo-itsm"}))
@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (500, {"fault": {"x": 1}}, {"content-type": "application/x-new"}),
        (502, [1, 2], {"content-type": "application/x-new"}),
    ],
)
def test_unknown_error_shape_is_a_bad_gateway(
    gateway: FailingGateway, dialect: str, status: int, body: object, headers: dict[str, str]
) -> None:
    path, client_headers = CLIENT_REQUESTS[dialect]
    gateway.pair.fault(kind="answer", status=status, body=body, headers=headers)
    issue = checked_issue(gateway.ask("GET", path, headers=client_headers), 502)
    assert error_code(issue) == failures.UNRECOGNISED_RESPONSE.code
    assert f"status={status} content-type=application/" in issue["diagnostics"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_unknown_400_is_a_refusal_except_of_halo(gateway: FailingGateway, dialect: str) -> None:
    path, client_headers = CLIENT_REQUESTS[dialect]
    gateway.pair.fault(kind="answer", status=400, body={"fault": {"x": 1}})
    is_halo = DIALECTS[dialect].success_errors == "envelopes"
    issue = checked_issue(
        gateway.ask("GET", path, headers=client_headers | {"accept": "application/fhir+json"}),
        502 if is_halo else 400,
    )
    assert error_code(issue) == (failures.UNRECOGNISED_RESPONSE.code if is_halo else "upstream-status")


def test_every_rule_of_every_dialect_is_tested() -> None:
    tested = {(dialect, row) for dialect, row, *_ in CASES}
    rows = {(name, row.id) for name in DIALECTS if name != "halo-sql" for row in DIALECTS[name].rules}
    assert rows <= tested
