"""Known issues without a repair in this folder, and their witnesses."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from gateway.exchange import FhirRequest
from gateway.paging.page_size import TOO_LARGE
from gateway.repairs.repair import KnownIssue
from gateway.repairs.witness import MAX_BODY_BYTES, UpstreamAnswer, Witness
from gateway.sites.issue_states import Verdict

#: The largest limit that Halo documents, in bytes.
_DOCUMENTED_LIMIT = 8_000_000
_SQL_PATH = re.compile(
    r"(?:integrator|desktop)/sites/([0-9A-Fa-f-]{36})/queries/(?:immediate|async|registered)"
)
_CONVERSION_PROBLEM = "String to a Byte[]"
#: Characters of a value that Halo cannot convert, by SQL type in lower case.
_MAX_LENGTHS = {"varbinary": 16_000, "nvarchar": 4_000}


def sql_site(request: FhirRequest) -> str:
    """GUID of the site of a SQL query; empty for other requests."""
    match = _SQL_PATH.fullmatch(request.path)
    return match[1].lower() if match else ""


def witness_size_limit(_: FhirRequest, answer: UpstreamAnswer) -> Iterator[tuple[str, Verdict]]:
    """Yield broken for a result that was too large, right for one beyond every documented limit."""
    if answer.failure is not None and answer.failure.kind.code == TOO_LARGE:
        yield "", "broken"
    elif answer.size > _DOCUMENTED_LIMIT:
        yield "", "right"


def witness_sql_parameters(request: FhirRequest, answer: UpstreamAnswer) -> Iterator[tuple[str, Verdict]]:
    """Yield broken for the refusal of a parameter in the upstream's own words, right for one that ran."""
    if not sql_site(request):
        return
    if answer.failure is not None:
        if _CONVERSION_PROBLEM in answer.failure.own_words:
            yield "", "broken"
    elif answer.size and _has_large_parameter(request.body):
        yield "", "right"


def _has_large_parameter(body: bytes) -> bool:
    """Whether a query calls a stored procedure with a value that Halo cannot convert."""
    if len(body) > MAX_BODY_BYTES or b"storedProcedure" not in body:
        return False
    try:
        query = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return any(_is_large(parameter) for parameter in _parameters(query))


def _parameters(query: Any) -> list[Any]:
    """Parameters of the command of a query, which has the documented shape or none."""
    for name in ("registerCommand", "command", "parameters"):
        inner = query.get(name) if isinstance(query, dict) else None
        query = inner if inner is not None or name != "registerCommand" else query
    return query if isinstance(query, list) else []


def _is_large(parameter: Any) -> bool:
    if not isinstance(parameter, dict) or not isinstance(parameter.get("value"), str):
        return False
    limit = _MAX_LENGTHS.get(str(parameter.get("type")).lower())
    return limit is not None and len(parameter["value"]) > limit


FURTHER_ISSUES: tuple[tuple[KnownIssue, Witness], ...] = (
    (
        KnownIssue(
            "response-size-limit",
            "Responses beyond a size limit are refused with 413",
            "Halo Connect troubleshooting, FHIR known issues (older page), and errors (newer page)",
            "8 MB instead of 1 MB on newer versions, which are not named",
            "smaller pages",
        ),
        witness_size_limit,
    ),
    (
        KnownIssue(
            "sql-parameter-conversion",
            "Stored procedures with large VarBinary or NVarChar parameters are refused",
            "Halo Connect troubleshooting, SQL Passthrough known issues (all pages)",
            "nothing",
            "not repaired yet",
        ),
        witness_sql_parameters,
    ),
)
