"""Every row of the catalogue over real sockets: the emulator answers so, the client gets the outcome."""

from typing import Any

import pytest
from end_to_end.failing import ASKED, BASE, Failing, code, outcome
from support.dialects import failed
from support.upstream_catalogue import HALO_CONNECT, HALO_ITSM, HALO_SQL, HEALTH_GORILLA, STATUSES

from gateway.errors.failure import FailureKind
from gateway.paging.page_size import SINGLE_RESOURCE_TOO_LARGE
from gateway.upstreams import DIALECTS, failures
from gateway.upstreams.halo_failures import RESULT_TOO_LARGE

CASES: list[tuple[str, str, int, Any, FailureKind]] = [
    *(("halo-connect", *case) for case in HALO_CONNECT),
    *(("halo-sql", "sql", *case) for case in HALO_SQL),
    *(("health-gorilla", *case) for case in HEALTH_GORILLA),
    *(("halo-itsm", *case) for case in HALO_ITSM),
]


@pytest.mark.parametrize(("dialect", "row", "status", "body", "kind"), CASES)
def test_every_row_is_an_outcome_with_its_own_status(
    failing: Failing, dialect: str, row: str, status: int, body: Any, kind: FailureKind
) -> None:
    """What the table promises is what a client reads."""
    alone = kind is RESULT_TOO_LARGE and dialect == "halo-connect"  # a search is asked again, smaller
    response = failing.answering(dialect, status, body, path=f"{BASE}/Patient/1" if alone else "")
    issue = outcome(response, kind.status)
    assert (code(issue), issue["details"]["text"]) == (
        kind.code,
        SINGLE_RESOURCE_TOO_LARGE if alone else kind.text,
    )
    expected = failed(dialect, status, body)
    assert issue["code"] == expected.issue
    wait = None if expected.retry_after is None else str(expected.retry_after)
    assert response.headers.get("retry-after") == wait
    assert len(failing.pair.sent()) == 1


#: Statuses of which Health Gorilla says nothing of its own; emulators cannot send interim answers.
_OWN = {status for row in DIALECTS["health-gorilla"].rules for status in row.status}
_PLAIN = {status: meaning for status, meaning in STATUSES.items() if status >= 200 and status not in _OWN}


@pytest.mark.parametrize("status", _PLAIN)
def test_every_other_status_is_an_outcome_with_its_meaning(failing: Failing, status: int) -> None:
    ours, issue_type, wait = _PLAIN[status]
    response = failing.answering("health-gorilla", status, b"no")
    issue = outcome(response)
    assert (response.status_code, issue["code"]) == (ours, issue_type)
    assert response.headers.get("retry-after") == (None if wait is None else str(wait))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, {"fault": {"x": 1}}, {"content-type": "application/x-new"}),
        (500, {"fault": {"x": 1}}, {"content-type": "application/x-new"}),
        (502, [1, 2], {"content-type": "application/x-new"}),
    ],
)
def test_a_shape_nobody_knows_fails_closed(
    failing: Failing, dialect: str, status: int, body: object, headers: dict[str, str]
) -> None:
    path, asked = ASKED[dialect]
    failing.pair.fault(kind="answer", status=status, body=body, headers=headers)
    issue = outcome(failing.ask("GET", path, headers=asked), 502)
    assert code(issue) == failures.UNRECOGNISED_RESPONSE.code
    assert f"status={status} content-type=application/" in issue["diagnostics"]


def test_every_row_of_every_dialect_is_tried() -> None:
    tried = {(dialect, row) for dialect, row, *_ in CASES}
    rows = {(name, row.id) for name in DIALECTS if name != "halo-sql" for row in DIALECTS[name].rules}
    assert rows <= tried
