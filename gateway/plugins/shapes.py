"""Shapes of what plugins bring: values that the type checker of an author would have refused.

Each problem is one line, so that a gateway does not start with what fails on its first request.
"""

import re
from collections.abc import Collection, Iterator
from inspect import isasyncgenfunction, iscoroutinefunction, signature
from typing import Any
from urllib.parse import urlsplit

from gateway.plugins.failures import kind_problem
from gateway.repairs.repair import KnownIssue, Repair
from gateway.upstreams.dialect import CredentialScheme, Dialect
from gateway.upstreams.error_rule import ErrorRule
from gateway.upstreams.limits import UpstreamLimits

#: Facets of a repair, with the number of their arguments.
_FACETS = {"request": 1, "links": 2, "entry": 2, "fields": 2, "headers": 2, "keeps": 2, "witness": 2}
_HEADER = re.compile(r"[a-z0-9-]{1,60}")
#: Maximum number of characters of a title, a source, or a name that a message repeats.
_MAX_TEXT, _MAX_NAME = 500, 60
_SQL_DEFAULT = Dialect("", ()).error_of_clients_sql


def shape_problems(value: Repair | Dialect) -> Iterator[str]:
    """Yield what is wrong with a repair or a dialect."""
    return _repair_problems(value) if isinstance(value, Repair) else _dialect_problems(value)


def _repair_problems(repair: Repair) -> Iterator[str]:
    issue: Any = repair.issue
    if not isinstance(issue, KnownIssue) or not isinstance(issue.id, str):
        yield f"the issue of a Repair is {type(issue).__name__}: it must be a KnownIssue with an id"
        return
    for problem in (*_issue_problems(issue), *_facets_problems(repair), *_names_problems(repair)):
        yield f"repair {_name(issue.id)}: {problem}"


def _issue_problems(issue: KnownIssue) -> Iterator[str]:
    texts = {"title": issue.title, "vendor_status": issue.vendor_status, "handling": issue.handling}
    yield from (f"{name} must be a text of one line" for name, text in texts.items() if not _is_line(text))
    if not _is_line(issue.source) or not _is_url(issue.source):
        yield "source must be an http or https URL, under which the issue is described"


def _facets_problems(repair: Repair) -> Iterator[str]:
    facets = {name: getattr(repair, name) for name in _FACETS}
    if not any(facet is not None for facet in facets.values()):
        yield f"it has no facet: give it one of {', '.join(_FACETS)}"
    for name, facet in facets.items():
        if facet is not None and not _takes(facet, _FACETS[name]):
            yield f"{name} must be a function of {_FACETS[name]} argument(s) that is not async"


def _takes(facet: Any, count: int) -> bool:
    """Whether a facet can be called with a number of arguments, and gives its result at once."""
    if not callable(facet) or iscoroutinefunction(facet) or isasyncgenfunction(facet):
        return False
    try:
        signature(facet).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # a function in C without a signature
        return True
    return True


def _names_problems(repair: Repair) -> Iterator[str]:
    for name in ("after", "dialects"):
        if not _are_texts(getattr(repair, name), tuple):
            yield f'{name} must be a tuple of texts, such as ("{_EXAMPLES[name]}",)'


_EXAMPLES = {"after": "link-base-url", "dialects": "halo-connect"}


def _dialect_problems(dialect: Dialect) -> Iterator[str]:
    if not isinstance(dialect.name, str):
        yield f"the name of a Dialect is {type(dialect.name).__name__}: it must be a text"
        return
    for problem in (*_properties_problems(dialect), *_rules_problems(dialect.rules)):
        yield f"dialect {_name(dialect.name)}: {problem}"


def _properties_problems(dialect: Dialect) -> Iterator[str]:
    if not _is_scheme(dialect.credentials):
        yield "credentials must be a CredentialScheme: a tuple of lower-case headers, and a challenge"
    if not _is_line(dialect.product):
        yield "product must be a text of one line"
    if not _are_texts(dialect.id_headers, tuple) or not all(map(_HEADER.fullmatch, dialect.id_headers)):
        yield "id_headers must be a tuple of lower-case names of headers"
    if not _are_texts(dialect.vocabulary, frozenset):
        yield "vocabulary must be a frozenset of texts"
    if dialect.max_page_size is not None and (
        type(dialect.max_page_size) is not int or dialect.max_page_size < 1
    ):
        yield "max_page_size must be a whole number from 1, or None"
    if not isinstance(dialect.limits, UpstreamLimits) or dialect.success_errors not in _SUCCESS_ERRORS:
        yield "limits must be UpstreamLimits, and success_errors envelopes, outcomes or none"
    if dialect.idempotency_header and not _is_header(dialect.idempotency_header):
        yield "idempotency_header must be a lower-case name of a header"
    if dialect.error_of_clients_sql is not _SQL_DEFAULT:
        yield "error_of_clients_sql is for the gateway's own dialects only"


_SUCCESS_ERRORS = ("envelopes", "outcomes", "none")


def _is_scheme(scheme: Any) -> bool:
    if not isinstance(scheme, CredentialScheme) or not _is_line(scheme.challenge):
        return False
    return bool(scheme.headers) and _are_texts(scheme.headers, tuple) and all(map(_is_header, scheme.headers))


def _rules_problems(rules: Any) -> Iterator[str]:
    if not isinstance(rules, tuple) or not all(isinstance(rule, ErrorRule) for rule in rules):
        yield "rules must be a tuple of ErrorRule"
        return
    for rule in rules:
        yield from (f"rule {_name(str(rule.id))}: {problem}" for problem in _rule_problems(rule))


def _rule_problems(rule: ErrorRule) -> Iterator[str]:
    for kind in (rule.kind, rule.own_credentials_kind):
        if kind is not None and (problem := kind_problem(kind)):
            yield problem
    if not all(type(status) is int for status in _items(rule.status)):
        yield "status must be a set of numbers"
    for name in ("types", "codes", "shapes", "body_values"):
        if not all(isinstance(item, str) for item in _items(getattr(rule, name))):
            yield f"{name} must be a set of texts"
    if not isinstance(rule.body_path, str) or not _is_pattern(rule.message_pattern):
        yield "message_pattern must be a regular expression, and body_path a text"


def _items(values: Any) -> Collection[Any]:
    """Items of a collection; of anything else, one that is of no right type."""
    return values if isinstance(values, Collection) and not isinstance(values, str | bytes) else (None,)


def _is_pattern(text: Any) -> bool:
    try:
        re.compile(text)
    except (re.error, TypeError, OverflowError, RecursionError):
        return False
    return isinstance(text, str)


def _is_header(name: Any) -> bool:
    return isinstance(name, str) and _HEADER.fullmatch(name) is not None


def _is_line(text: Any) -> bool:
    return isinstance(text, str) and text.isprintable() and len(text) <= _MAX_TEXT


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and " " not in text
    except ValueError:
        return False


def _are_texts(values: Any, kind: type) -> bool:
    return isinstance(values, kind) and all(isinstance(value, str) for value in values)  # type: ignore[attr-defined]


def _name(text: str) -> str:
    return repr(text[:_MAX_NAME])
