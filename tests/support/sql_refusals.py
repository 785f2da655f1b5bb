"""Answers that contain the words of a refused parameter, but are not exactly Halo's refusal."""

from typing import Any

import msgspec
from support.sql import REFUSAL_TEXT

_CAUSE = "Failed to convert parameter value from a String to a Byte[]."


def _error(**members: Any) -> dict[str, Any]:
    return {"error": {"status": 400, "statusText": "Bad Request", "message": REFUSAL_TEXT} | members}


def _details(**members: Any) -> dict[str, Any]:
    return {"errorDetails": {"errorType": "haloLink", "errorCode": 2, "errorMessage": REFUSAL_TEXT} | members}


_DETAILS = _details()
_QUERY = {"status": "executionFailed", **_DETAILS}
_JSON: list[Any] = [
    _error(message=_CAUSE),
    _error(message=f"{_CAUSE} Procedure dbo.X ran 1 row, then failed"),
    _error(message=f"{REFUSAL_TEXT} 1 row"),
    _error(message=f"50000: {REFUSAL_TEXT}"),
    _error(message=f"{REFUSAL_TEXT}\n"),
    _error(message=REFUSAL_TEXT.lower()),
    _error(message=[REFUSAL_TEXT]),
    _error(errorType="mssql", errorCode=50_000),
    _error(errorType=["mssql"]),
    _error(exception="SqlException"),
    _error(status=500),
    _error(status=400.0),
    _error(status="400"),
    _error(statusText="Query executed"),
    {"error": {"message": REFUSAL_TEXT}},
    {**_error(), "result": {"rowsAffected": 1}},
    {**_error(), "status": "successful"},
    {**_error(), **_DETAILS},
    {"status": "successful", "result": {"rowsAffected": 1}, "errorDetails": {"errorMessage": REFUSAL_TEXT}},
    {"status": "uploadFailed", "errorDetails": {"errorMessage": REFUSAL_TEXT}},
    {**_QUERY, "status": "executing"},
    {**_QUERY, "status": ["executionFailed"]},
    {**_QUERY, "Status": "successful"},
    {**_QUERY, "result": {}},
    {**_QUERY, "metrics": {"sqlExecutionDuration": 12}},
    {**_QUERY, "statusTiming": {"executing": {}, "uploading": {}}},
    {**_QUERY, "statusTiming": ["uploading"]},
    {**_QUERY, "errorCode": 50_000},
    {**_QUERY, "errorMessage": "Procedure dbo.X failed"},
    {"errorDetails": {"errorMessage": REFUSAL_TEXT}, "errorType": "mssql", "errorCode": 50_000},
    {"errorDetails": [_DETAILS["errorDetails"]]},
    {"errorDetails": {"errorType": "haloLink", "errorCode": 2}},
    _details(errorType="mssql"),
    _details(errorType="fbsql"),
    _details(errorType=["mssql"], errorCode=[50_000]),
    _details(errorType="ms sql"),
    _details(errorType=""),
    _details(errorType=7),
    _details(errorCode=50_000),
    _details(errorCode=50_000.0),
    _details(errorCode=2.0),
    _details(errorCode=True),
    _details(errorCode="2"),
    _details(errorCode=3),
    _details(number=50_000),
    {"errorCode": 2, "errorMessage": REFUSAL_TEXT},
    {"errorCode": 50_000, "errorMessage": REFUSAL_TEXT},
    {"resultCode": 2, "errorMessage": REFUSAL_TEXT},
    {"ClassName": "System.Data.SqlClient.SqlException", "Message": REFUSAL_TEXT, "Number": 50_000},
    {"exception": "SqlException", "message": REFUSAL_TEXT},
    {"status": 400, "statusText": "Bad Request", "message": REFUSAL_TEXT},
    {"statusCode": 400, "message": REFUSAL_TEXT},
    {"message": REFUSAL_TEXT},
    {"error": "invalid_request", "error_description": REFUSAL_TEXT},
    {"error": REFUSAL_TEXT},
    {"title": "Bad Request", "status": 400, "detail": REFUSAL_TEXT},
    {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "value", "diagnostics": REFUSAL_TEXT}],
    },
    [_error()],
    REFUSAL_TEXT,
    None,
]
_REFUSAL = msgspec.json.encode(_error())
#: Bodies of such answers.
OTHER_ANSWERS = [
    *map(msgspec.json.encode, _JSON),
    REFUSAL_TEXT.encode(),
    f"<html><head><title>{REFUSAL_TEXT}</title></head></html>".encode(),
    "\u00a0".encode() + _REFUSAL,
    "\ufeff".encode() + _REFUSAL,
    _REFUSAL + b"{}",
    _REFUSAL[:-1],
    _REFUSAL.replace(b'"message"', b'"message":"1 row","message"'),
    _REFUSAL.replace(b"Bad", b"B\xffd"),
    _REFUSAL + b" " * 20_000,
    _REFUSAL.decode().encode("utf-16"),
    b"[" * 15_000,
    b"",
]
