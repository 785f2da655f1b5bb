"""What connection, endpoint and log tell each other about one request, in the `state` of its ASGI scope."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from gateway.errors.failure import FailureKind

#: An ASGI scope, or uvicorn's own type of one.
Scope = Mapping[str, Any]

_FAILURE: Final = "failure"
_EARLY_END: Final = "early_end"

#: Why a request ended before its endpoint did: its client left, or its connection answered it.
EarlyEnd = Literal["client-left", "answered", ""]


def note_failure(scope: Scope, kind: FailureKind) -> None:
    """Note the failure with which a request is answered; the first counts."""
    _state_of(scope).setdefault(_FAILURE, kind)


def failure_of(scope: Scope) -> FailureKind | None:
    """Failure with which a request is answered; None without one."""
    kind: FailureKind | None = _state_of(scope).get(_FAILURE)
    return kind


def note_early_end(scope: Scope, end: EarlyEnd) -> None:
    """Note that a request has ended; the first reason counts."""
    _state_of(scope).setdefault(_EARLY_END, end)


def early_end_of(scope: Scope) -> EarlyEnd:
    """Why a request has ended already; empty if it has not."""
    end: EarlyEnd = _state_of(scope).get(_EARLY_END, "")
    return end


def outcome_of(scope: Scope, kind: FailureKind) -> str:
    """Code of the failure with which a request ends: that of its connection before that of its endpoint.

    `client-left` if nobody gets the answer.
    """
    return "client-left" if early_end_of(scope) == "client-left" else (failure_of(scope) or kind).code


def _state_of(scope: Scope) -> dict[str, Any]:
    """State of a request; one of a server that has none is lost."""
    state: dict[str, Any] = scope.get("state", {})
    return state
