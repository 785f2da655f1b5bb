"""Shapes of Halo's OpenAPI documents 26.619 as tables, written by hand: `?` marks an optional field."""

import re
from collections.abc import Callable
from typing import Any

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

Check = Callable[[Any], bool]


def text(value: Any) -> bool:
    return isinstance(value, str)


def number(value: Any) -> bool:
    return type(value) is int


def uuid(value: Any) -> bool:
    return text(value) and bool(_UUID.fullmatch(value))


def instant(value: Any) -> bool:
    return text(value) and bool(_INSTANT.fullmatch(value))


def one_of(*values: str) -> Check:
    return lambda value: value in values


def shape(table: dict[str, Any]) -> Check:
    return lambda value: not problems(value, table)


def array(table: dict[str, Any]) -> Check:
    return lambda value: isinstance(value, list) and all(not problems(each, table) for each in value)


def problems(value: Any, table: dict[str, Check]) -> list[str]:
    """Fields that a value lacks, has beyond the table, or has in another form."""
    if not isinstance(value, dict):
        return ["no object"]
    known = {name.rstrip("?"): check for name, check in table.items()}
    missing = [name for name in table if not name.endswith("?") and name not in value]
    unknown = [name for name in value if name not in known]
    wrong = [name for name in value if name in known and not known[name](value[name])]
    return [*(f"missing {name}" for name in missing), *(f"unknown {name}" for name in unknown), *wrong]


PARAMETER = {
    "name": text,
    "type": text,
    "direction": one_of("output", "inputOutput", "returnValue"),
    "value": lambda value: value is None or isinstance(value, str),
    "size?": number,
}
ERROR_DETAILS = {
    "errorType": one_of("http", "mssql", "fbsql", "haloLink"),
    "errorCode": number,
    "errorMessage": text,
}
METRICS = {"sqlExecutionDuration": number}
QUERY_RESULT = {"rows": number, "size": number, "data": text, "parameters?": array(PARAMETER)}
NON_QUERY_RESULT = {"rowsAffected": number, "size": number, "parameters?": array(PARAMETER)}
START = {"startTime": instant}
PERIOD = {"startTime": instant, "endTime?": instant}
IMMEDIATE_TIMING = {
    "initialising": shape(START),
    "executing": shape(START),
    "downloading?": shape(START),
    "uploading?": shape(START),
}
TIMING = {
    "initialising": shape(PERIOD),
    "queued?": shape(PERIOD),
    "executing?": shape(PERIOD),
    "uploading?": shape(PERIOD),
}
_QUERY = {
    "id": uuid,
    "integratorId": uuid,
    "siteId": uuid,
    "maxTimeInQueue": number,
    "commandSize": number,
    "requestSize": number,
    "createdAt": instant,
    "updatedAt": instant,
}
SUCCESSFUL_IMMEDIATE = _QUERY | {
    "mode": one_of("immediate"),
    "status": one_of("successful"),
    "statusTiming": shape(IMMEDIATE_TIMING),
    "metrics": shape(METRICS),
    "result": lambda value: not problems(value, QUERY_RESULT) or not problems(value, NON_QUERY_RESULT),
    "resultSize?": number,
    "completedAt": instant,
}
FAILED_IMMEDIATE = _QUERY | {
    "mode": one_of("immediate"),
    "status": one_of("executionFailed"),
    "statusTiming": shape(TIMING),
    "errorCode?": number,
    "errorMessage?": text,
    "errorDetails": shape(ERROR_DETAILS),
    "completedAt": instant,
}
ROWS = {"count": number, "rangeStart": number, "rangeEnd": number}
PAGE = {
    "pageNumber": number,
    "status": one_of("queued", "uploading", "cached"),
    "size": number,
    "rows": shape(ROWS),
}
ASYNC_RESULT = {"rows": number, "size": number, "pages": array(PAGE)}
ASYNC_NON_QUERY_RESULT = {"rowsAffected": number, "size": number, "pages": array(PAGE)}
ASYNC = _QUERY | {"mode": one_of("async"), "status": text, "statusTiming": shape(TIMING)}
_FAILED = {"completedAt": instant}
_FAILED_WITH_ERROR = _FAILED | {
    "errorCode": number,
    "errorMessage": text,
    "errorDetails?": shape(ERROR_DETAILS),
}
#: AsyncQuery by status.
ASYNC_BY_STATUS = {
    "initialising": ASYNC,
    "queued": ASYNC,
    "executing": ASYNC,
    "uploading": ASYNC | {"metrics": shape(METRICS)},
    "successful": ASYNC
    | {
        "metrics": shape(METRICS),
        "result": lambda value: (
            not problems(value, ASYNC_RESULT) or not problems(value, ASYNC_NON_QUERY_RESULT)
        ),
        "resultSize": number,
        "completedAt?": instant,
    },
    "initialisationFailedCacheError": ASYNC | _FAILED,
    "initialisationFailedSiteOffline": ASYNC | _FAILED,
    "initialisationFailedSiteUnreachable": ASYNC | _FAILED,
    "expiredInQueue": ASYNC | _FAILED,
    "executionFailed": ASYNC | _FAILED_WITH_ERROR,
    "uploadFailed": ASYNC | _FAILED_WITH_ERROR | {"metrics": shape(METRICS)},
}
RUN_METRICS = {
    "lastSucceededAt?": instant,
    "lastFailedAt?": instant,
    "lastExecutionDuration": number,
    "executionSucceededCount": number,
    "executionFailedCount": number,
    "resultSizeSum": number,
    "requestSize": number,
}
REGISTERED = {
    "id": uuid,
    "name": text,
    "registeredQueryType": one_of("query"),
    "status": one_of("initialisationFailedCacheError", "enabled", "cancelled", "completed"),
    "frequency": number,
    "duration": number,
    "createdAt": instant,
    "metrics": shape(RUN_METRICS),
    "lastHash?": text,
    "lastErrorDetails?": shape(ERROR_DETAILS),
    "completedAt?": instant,
}
REGISTERED_RESULT = {"rows": number, "size": number, "data": text, "parameters": array(PARAMETER)}
ERROR = {"error": shape({"status": number, "statusText": text, "message": text})}
NOTICE = {
    "id": uuid,
    "occurredAt": lambda value: bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00", value)),
    "siteId": uuid,
    "queryId": uuid,
    "webhookSource": one_of("async", "registered"),
}
