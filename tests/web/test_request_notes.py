"""Notes about one request."""

from typing import Any

from gateway.web.request_notes import code_of, early_end_of, note_code, note_early_end


def test_notes_are_those_of_one_request() -> None:
    scope: dict[str, Any] = {"state": {}}
    assert (code_of(scope), early_end_of(scope)) == ("", "")
    note_code(scope, "unknown-path")
    note_early_end(scope, "answered")
    note_early_end(scope, "client-left")
    assert (code_of(scope), early_end_of(scope)) == ("unknown-path", "answered")
    assert early_end_of({**scope, "headers": []}) == "answered"  # a copy by a middleware


def test_server_without_state_loses_notes() -> None:
    scope: dict[str, Any] = {}
    note_code(scope, "unknown-path")
    assert code_of(scope) == ""
