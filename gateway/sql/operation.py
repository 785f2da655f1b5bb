"""Operations of SQL Passthrough, by method and path (OpenAPI 26.619, integrator and desktop)."""

import re
from enum import StrEnum
from typing import NamedTuple

from gateway.http.request_path import GUID_PATTERN


class SqlAction(StrEnum):
    """What a request to `/queries` does."""

    IMMEDIATE = "immediate"
    ASYNC = "async"
    REGISTER = "register"
    LIST_REGISTERED = "list-registered"
    READ_REGISTERED = "read-registered"
    DELETE_REGISTERED = "delete-registered"
    REGISTERED_RESULT = "registered-result"
    READ = "read"
    READ_MANY = "read-many"
    PAGE = "page"
    STREAM = "stream"


#: Actions that give a command to the practice; Halo Cloud does all others without it.
SUBMISSIONS = frozenset({SqlAction.IMMEDIATE, SqlAction.ASYNC, SqlAction.REGISTER})


class SqlOperation(NamedTuple):
    """One request to `/queries`. `guid` is in lower case; `query_id` and `page` are as sent, or empty."""

    action: SqlAction
    api: str
    guid: str
    query_id: str = ""
    page: str = ""

    @property
    def is_submission(self) -> bool:
        """Whether it gives a command to the practice, which Halo bills."""
        return self.action in SUBMISSIONS


_SITE = re.compile(rf"(?P<api>integrator|desktop)/sites/(?P<guid>(?i:{GUID_PATTERN}))/queries/(?P<rest>.+)")
_ID = r"(?P<query_id>[^/]+)"
#: Method and path below `/queries`; the first that matches counts.
_ACTIONS = tuple(
    (method, re.compile(path), action)
    for method, path, action in (
        ("POST", "immediate", SqlAction.IMMEDIATE),
        ("POST", "async", SqlAction.ASYNC),
        ("POST", "registered", SqlAction.REGISTER),
        ("POST", "status", SqlAction.READ_MANY),
        ("GET", "registered", SqlAction.LIST_REGISTERED),
        ("GET", f"registered/{_ID}", SqlAction.READ_REGISTERED),
        ("DELETE", f"registered/{_ID}", SqlAction.DELETE_REGISTERED),
        ("GET", f"registered/{_ID}/results", SqlAction.REGISTERED_RESULT),
        ("GET", f"{_ID}/results/(?P<page>[^/]+)/stream", SqlAction.STREAM),
        ("GET", f"{_ID}/results/(?P<page>[^/]+)", SqlAction.PAGE),
        ("GET", _ID, SqlAction.READ),
    )
)


def parse_operation(method: str, path: str) -> SqlOperation | None:
    """Return the operation of a request, `path` without a leading slash; None if it is none of Halo's."""
    site = _SITE.fullmatch(path)
    if site is None:
        return None
    method = "GET" if method == "HEAD" else method
    for expected, pattern, action in _ACTIONS:
        match = pattern.fullmatch(site["rest"]) if method == expected else None
        if match:
            return SqlOperation(action, site["api"], site["guid"].lower(), **match.groupdict())
    return None
