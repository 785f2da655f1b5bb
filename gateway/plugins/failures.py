"""Failures of plugins: which kinds a plugin may define, and which failures its facets may raise."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from gateway.errors.failure import Failure, FailureKind, Issue, RetryAdvice
from gateway.plugins.results import headers_problem
from gateway.validation.r4 import BINDING_CODES

_ERROR_STATUSES = frozenset(int(status) for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST)
_ISSUE_TYPES = BINDING_CODES["OperationOutcomeIssue.code"]
_CODE = re.compile(r"[a-z][a-z0-9-]{0,63}")
_MAX_SECONDS = 86_400


def kind_problem(kind: Any) -> str:
    """Return what is wrong with a kind of failure; empty if nothing is. Names no text of the kind."""
    if not isinstance(kind, FailureKind):
        return f"{type(kind).__name__} is no FailureKind"
    return next(_kind_problems(kind), "")


def _kind_problems(kind: FailureKind) -> Iterator[str]:
    if not isinstance(kind.code, str) or not _CODE.fullmatch(kind.code):
        yield "the code of its FailureKind must be lower-case letters, digits and hyphens"
        return
    name = f"FailureKind {kind.code}"
    if type(kind.status) is not int or kind.status not in _ERROR_STATUSES:
        yield f"{name} must have a registered status of 400 to 599, as a number"
    if kind.issue not in _ISSUE_TYPES or kind.severity not in {"error", "fatal"}:
        yield f"{name} must have an issue type of R4, and the severity error or fatal"
    if not isinstance(kind.text, str) or not kind.text or not isinstance(kind.message_code, str):
        yield f"{name} must have a text"
    if not isinstance(kind.retry_advice, RetryAdvice) or not _is_wait(kind.retry_after):
        yield f"{name} must have a RetryAdvice, and whole seconds of retry_after"


def failure_problem(failure: Failure) -> str:
    """Return what is wrong with a failure that a facet raised; empty if nothing is."""
    return next(filter(None, _failure_problems(failure)), "")


def _failure_problems(failure: Failure) -> Iterator[str]:
    yield kind_problem(failure.kind)
    if failure.upstream_response is not None:
        yield "raised a Failure with an upstream_response"
    texts = (failure.text, failure.diagnostics, failure.expression, failure.own_words)
    if not all(isinstance(text, str) for text in texts) or failure.issue not in _ISSUE_TYPES:
        yield "raised a Failure with a malformed text or issue type"
    if not _is_wait(failure.retry_after):
        yield "raised a Failure with a malformed retry_after"
    if headers_problem((), failure.headers):
        yield "raised a Failure with malformed headers"
    if not all(map(_is_coding, failure.codings)) or not all(map(_is_issue, failure.more_issues)):
        yield "raised a Failure with malformed codings or issues"


def _is_wait(seconds: Any) -> bool:
    return seconds is None or (type(seconds) is int and 0 <= seconds <= _MAX_SECONDS)


def _is_coding(coding: Any) -> bool:
    is_pair = isinstance(coding, tuple) and len(coding) == 2  # noqa: PLR2004
    return is_pair and all(isinstance(text, str) for text in coding)


def _is_issue(issue: Any) -> bool:
    is_typed = isinstance(issue, Issue) and all(isinstance(text, str) for text in issue)
    return is_typed and issue.code in _ISSUE_TYPES
