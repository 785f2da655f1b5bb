"""Queries in the JSON of Halo's OpenAPI document (26.619)."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from gateway.emulator.sql.queries import StoredQuery
from gateway.emulator.sql.query_error import QueryError

_TIMED_STATES: Final = frozenset({"initialising", "queued", "executing", "uploading"})
#: An immediate query's states have only a start, and its result is downloaded.
_IMMEDIATE_TIMING: Final = ("initialising", "executing", "downloading", "uploading")
_MEASURED_STATES: Final = frozenset({"uploading", "uploadFailed", "successful"})
_METRICS: Final = {"sqlExecutionDuration": 12}


def format_instant(moment: datetime) -> str:
    """Format an instant as Halo Cloud does: UTC with milliseconds and `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def immediate_json(query: StoredQuery, *, old_engine: bool = False) -> dict[str, Any]:
    """Build SuccessfulImmediateQuery or ExecutionFailedImmediateQuery.

    An old engine (before release 23.927) sends errors as root fields only.
    """
    start = {"startTime": format_instant(query.created)}
    timed = _IMMEDIATE_TIMING[:2] if query.error else _IMMEDIATE_TIMING
    body = _common_json(query) | {"statusTiming": dict.fromkeys(timed, start)}
    if query.error:
        body |= error_json(query.error)
        if old_engine:
            del body["errorDetails"]
    elif query.result:
        content = query.result.content(query.result.pages[0])
        result = {**query.result.counts(), **content}
        body |= {"metrics": _METRICS, "result": result, "resultSize": query.result.size}
    return body | {"completedAt": format_instant(query.updated_at)}


def async_json(query: StoredQuery) -> dict[str, Any]:
    """Build AsyncQuery in its present state."""
    body = _common_json(query) | {"statusTiming": _async_timing(query)}
    if query.status in _MEASURED_STATES:
        body |= {"metrics": _METRICS}
    if query.status not in _TIMED_STATES:
        body |= {"completedAt": format_instant(query.updated_at)}
    if query.error:
        body |= error_json(query.error)
    if query.status == "successful" and query.result:
        pages = [page.as_json() for page in query.result.pages]
        body |= {"result": {**query.result.counts(), "pages": pages}, "resultSize": query.result.size}
    return body


def error_json(error: QueryError) -> dict[str, Any]:
    """Render a query's error in the new format, and in the deprecated one as root fields."""
    return {
        "errorCode": error.errorCode,
        "errorMessage": error.errorMessage,
        "errorDetails": error._asdict(),
    }


def _common_json(query: StoredQuery) -> dict[str, Any]:
    return {
        "id": query.id,
        "integratorId": str(uuid5(NAMESPACE_URL, query.owner)),
        "siteId": query.site,
        "mode": query.mode,
        "status": query.status,
        "maxTimeInQueue": query.max_time_in_queue,
        "commandSize": query.command_size,
        "requestSize": query.request_size,
        "createdAt": format_instant(query.created),
        "updatedAt": format_instant(query.updated_at),
    }


def _async_timing(query: StoredQuery) -> dict[str, Any]:
    ends = [moment for _, moment in query.entered[1:]]
    timing: dict[str, Any] = {}
    for index, (status, moment) in enumerate(query.entered):
        if status in _TIMED_STATES:
            timing[status] = {"startTime": format_instant(moment)}
            if index < len(ends):
                timing[status]["endTime"] = format_instant(ends[index])
    return timing
