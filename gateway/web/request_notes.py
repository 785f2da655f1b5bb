"""What connection, endpoint and log tell each other about one request, in the `state` of its ASGI scope."""

from collections.abc import Mapping
from typing import Any, Final, Literal

#: An ASGI scope, or uvicorn's own type of one.
Scope = Mapping[str, Any]

_CODE: Final = "failure_code"
_EARLY_END: Final = "early_end"

#: Why a request ended before its endpoint did: its client left, or its connection answered it.
EarlyEnd = Literal["client-left", "answered", ""]


def note_code(scope: Scope, code: str) -> None:
    """Note the code of the failure with which a request is answered."""
    _state_of(scope)[_CODE] = code


def code_of(scope: Scope) -> str:
    """Code of the failure with which a request is answered; empty without one."""
    return str(_state_of(scope).get(_CODE, ""))


def note_early_end(scope: Scope, end: EarlyEnd) -> None:
    """Note that a request has ended; the first reason counts."""
    _state_of(scope).setdefault(_EARLY_END, end)


def early_end_of(scope: Scope) -> EarlyEnd:
    """Why a request has ended already; empty if it has not."""
    end: EarlyEnd = _state_of(scope).get(_EARLY_END, "")
    return end


def _state_of(scope: Scope) -> dict[str, Any]:
    """State of a request; one of a server that has none is lost."""
    state: dict[str, Any] = scope.get("state", {})
    return state
