"""Faults on demand as the SQL endpoints show them."""

from typing import Final

from starlette.requests import Request

from gateway.emulator.errors import SLOW_QUERY
from gateway.emulator.injected_faults import FaultRule
from gateway.emulator.search.refusal import Refusal
from gateway.emulator.sites import SITES
from gateway.emulator.sql.query_error import LOGIN_FAILED, QueryError
from gateway.emulator.state import EmulatorState

#: Errors that Halo Link meets after the submission of an async or registered query was accepted.
_DEFERRED_KINDS: Final = frozenset({"halo-link", "sql-error", "login-failed"})


def is_sql(path: list[str]) -> bool:
    """Whether a path is below `/queries` of a site."""
    return path[:1] in (["integrator"], ["desktop"]) and path[3:4] == ["queries"]


def time_limit(state: EmulatorState, path: list[str]) -> float | None:
    """Return the limit of an immediate query at a site, in seconds; None for any other request."""
    if not is_sql(path) or path[4:] != ["immediate"] or path[2].lower() not in SITES:
        return None
    return state.settings.variants_at(path[2].lower()).sql_time_limit


def require_in_time(rule: FaultRule | None, limit: float | None) -> None:
    """Raise Refusal (504) for an immediate query that a rule delays beyond its limit."""
    if rule and limit is not None and rule.delay > limit:
        raise Refusal("wrapped", 504, SLOW_QUERY, "timeout")


def defer_fault(rule: FaultRule, request: Request, path: list[str]) -> bool:
    """Keep an error for the query that this request submits, if it is async or registered."""
    is_later = request.method == "POST" and is_sql(path) and path[4:] in (["async"], ["registered"])
    if not is_later or rule.kind not in _DEFERRED_KINDS:
        return False
    request.state.deferred_error = _error_of(rule)
    return True


def as_sql_refusal(refusal: Refusal) -> Refusal:
    """Return a refusal of the FHIR engine in the form of SQL Passthrough: Halo Link could not log in."""
    if refusal.source != "engine":
        return refusal
    changed = Refusal("query", refusal.status, refusal.text, refusal.issue_type)
    changed.error_type, changed.error_code = LOGIN_FAILED.errorType, LOGIN_FAILED.errorCode
    return changed


def _error_of(rule: FaultRule) -> QueryError:
    if rule.kind == "login-failed":
        return LOGIN_FAILED
    return rule.query_error()
