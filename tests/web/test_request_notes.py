"""Notes about one request."""

from typing import Any

import pytest

from gateway.errors import catalog
from gateway.web.request_notes import early_end_of, failure_of, note_early_end, note_failure, outcome_of


def test_notes_are_those_of_one_request() -> None:
    scope: dict[str, Any] = {"state": {}}
    assert (failure_of(scope), early_end_of(scope)) == (None, "")
    note_failure(scope, catalog.UNKNOWN_PATH)
    note_failure(scope, catalog.BAD_REQUEST)
    note_early_end(scope, "answered")
    note_early_end(scope, "client-left")
    assert (failure_of(scope), early_end_of(scope)) == (catalog.UNKNOWN_PATH, "answered")
    assert early_end_of({**scope, "headers": []}) == "answered"  # a copy by a middleware


def test_server_without_state_loses_notes() -> None:
    scope: dict[str, Any] = {}
    note_failure(scope, catalog.UNKNOWN_PATH)
    assert failure_of(scope) is None


@pytest.mark.parametrize(
    ("end", "outcome"), [("", "bad-request"), ("client-left", "client-left"), ("answered", "request-timeout")]
)
def test_outcome_is_that_of_the_connection(end: Any, outcome: str) -> None:
    scope: dict[str, Any] = {"state": {}}
    if end:
        note_early_end(scope, end)
    if end == "answered":
        note_failure(scope, catalog.REQUEST_TIMEOUT)
    assert outcome_of(scope, catalog.BAD_REQUEST) == outcome
