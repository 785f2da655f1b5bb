"""Failures that answer a question about SQL Passthrough; all others end the probe."""

import re
from http import HTTPStatus
from typing import Final

from gateway.errors.catalog import WRITE_OUTCOME_UNKNOWN
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.probe.sql_questions import SqlAnswer
from gateway.upstreams.error_body import parse_upstream_error
from gateway.upstreams.halo_envelopes import HALO_ENVELOPES
from gateway.upstreams.halo_failures import VALUE_UNREADABLE

#: SQL Server's error 137, by its number or its words.
_UNDECLARED_CODE: Final = "137"
_UNDECLARED_TEXT: Final = re.compile(r"must declare the scalar variable", re.IGNORECASE)


def refusal_of(failure: Failure, *, is_about_size: bool) -> SqlAnswer | None:
    """Return the answer that a failure gives; None if it says nothing about the question.

    A request that is too large may also end in a lost connection or a time-out.
    """
    is_refused = failure.kind.status == HTTPStatus.BAD_REQUEST or failure.kind.code == VALUE_UNREADABLE.code
    if not is_refused and not (is_about_size and failure.kind.may_have_run):
        return None
    return SqlAnswer(refusal=_original_code(failure), is_undeclared=_is_undeclared(failure))


def _original_code(failure: Failure) -> str:
    """Code of the kind, or of that which made the outcome of a POST unknown."""
    own_codes = [code for system, code in failure.codings if system == ERROR_CODE_SYSTEM]
    if failure.kind.code == WRITE_OUTCOME_UNKNOWN.code and own_codes:
        return own_codes[0]
    return failure.kind.code


def _is_undeclared(failure: Failure) -> bool:
    if failure.upstream_response is None:
        return False
    error = parse_upstream_error(failure.upstream_response.body, HALO_ENVELOPES)
    return error.error_code == _UNDECLARED_CODE or _UNDECLARED_TEXT.search(error.message) is not None
