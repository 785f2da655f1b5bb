"""Outcomes of requests that no handler sees."""

from typing import Any

import pytest
from structlog.testing import capture_logs
from support.asgi import FHIR, asgi_request
from support.ledger import RecordingSink, recorder_of
from support.requests import SITE

from gateway.errors import catalog
from gateway.ledger.cost import CostClass
from gateway.telemetry.access_log import AccessLog, Answer
from gateway.telemetry.tracing import Tracing
from gateway.web.request_notes import note_early_end
from gateway.web.unread_requests import Origin, UnreadRequests

LATE = Answer("r-1", 408, catalog.REQUEST_TIMEOUT, 9, 0.5)


class KeptAnswers(Tracing):
    """Keeps what it traces."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    def trace_answer(self, fields: Any, method: str, answer: Answer) -> str:
        del fields, method
        self.answers.append(answer)
        return "abc"


def report(end: Any, answer: Answer = LATE, *, has_scope: bool = True) -> tuple[Any, ...]:
    """Log lines, codes of the metrics, failures of the dashboard and traced answers of a request."""
    sink, tracing = RecordingSink(), KeptAnswers()
    recorder = recorder_of(sink)
    scope = {**asgi_request(f"{FHIR}/Patient").scope, "state": {}}
    if end:
        note_early_end(scope, end)
    with capture_logs() as lines:
        unread = UnreadRequests(AccessLog(), recorder, tracing, lambda path: SITE if path else None)
        unread.report(scope if has_scope else None, answer)
    failures = [(each.kind.code, each.request_id) for each in recorder.recent_failures.latest_first()]
    sites = [attribution.name for attribution, _ in sink.failures]
    return lines, list(zip(sink.codes, sites, strict=True)), failures, tracing.answers


def test_failure_is_the_same_everywhere() -> None:
    lines, counts, failures, traced = report("")
    (line,) = lines
    assert (line["status"], line["code"], line["request_id"], line["trace_id"], line["ms"]) == (
        408,
        "request-timeout",
        "r-1",
        "abc",
        500.0,
    )
    assert counts == [("request-timeout", SITE.name)]
    assert failures == [("request-timeout", "r-1")]
    assert traced == [LATE]


def test_client_that_left_is_no_failure() -> None:
    lines, counts, failures, traced = report("client-left")
    (line,) = lines
    assert (line["status"], line.get("code"), line["client_left"], line["bytes"]) == (499, None, True, 0)
    assert (counts, failures) == ([], [])
    assert traced == [LATE._replace(status=499, kind=None, octets=0)]


def test_request_that_its_connection_answered_is_not_reported_again() -> None:
    assert report("answered") == ([], [], [], [])


def test_bytes_that_became_no_request_are_counted() -> None:
    lines, counts, _, _ = report("", has_scope=False)
    assert (counts, lines[0]["method"]) == ([("request-timeout", "")], "")


@pytest.mark.parametrize("status", [200, 204])
def test_success_counts_nothing(status: int) -> None:
    lines, counts, failures, _ = report("", Answer("r-1", status))
    assert ([line["status"] for line in lines], counts, failures) == ([status], [], [])


@pytest.mark.parametrize(
    ("path", "origin", "lines"),
    [
        (f"{FHIR}/Patient", None, 1),  # names a practice
        (f"{FHIR}/Patient", Origin(SITE), 1),
        ("/fhir", Origin(), 1),
        ("/nowhere", None, 0),
        (None, None, 0),  # never became a request
    ],
)
@pytest.mark.parametrize("end", ["", "client-left"])
def test_failures_are_a_share_of_the_requests(
    path: str | None, origin: Origin | None, lines: int, end: Any
) -> None:
    sink = RecordingSink()
    unread = UnreadRequests(
        recorder=recorder_of(sink), site_in_path=lambda path: SITE if path.startswith(FHIR) else None
    )
    scope = path and {**asgi_request(path).scope, "state": {}}
    if scope and end:
        note_early_end(scope, end)
    unread.report(scope or None, LATE, origin=origin)
    assert [(cost, queries) for _, cost, _, queries in sink.requests] == [(CostClass.FREE, 1)]
    assert len(sink.failures) == (0 if scope and end else 1)
    assert sink.costs == [CostClass.FREE] * lines
