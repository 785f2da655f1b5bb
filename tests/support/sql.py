"""Synthetic SQL queries, and the refusal of a parameter that Halo cannot convert."""

from base64 import b64encode
from typing import Any

import msgspec
from support.requests import GUID, fhir_request, json_response

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.interaction import NOT_FHIR
from gateway.upstreams.halo_sql import PARAMETER_REFUSED

REFUSAL_TEXT = (
    "Failed to convert parameter value from a String to a Byte[]. --> Invalid cast from 'System.String' to"
    " 'System.Byte[]'. Please correct your request and try again."
)
LARGE = b64encode(bytes(range(256)) * 40).decode()
SMALL = b64encode(b"synthetic").decode()


def parameter(name: str, type_: str, value: str | None = None, direction: str = "input") -> dict[str, Any]:
    return {"name": name, "direction": direction, "type": type_, "value": value}


def query(
    *parameters: dict[str, Any], type_: str = "storedProcedure", text: str = "dbo.FileDocument"
) -> bytes:
    """Body of an immediate or asynchronous query."""
    command = {"text": text, "type": type_, "executionMode": "nonQuery", "parameters": list(parameters)}
    return msgspec.json.encode({"command": command, "maxTimeInQueue": 30_000})


def registration(body: bytes) -> bytes:
    """Body of a registered query with the command of another body."""
    fields = {"name": "n", "registeredQueryType": "query", "frequency": 60, "duration": 3_600}
    return msgspec.json.encode({**fields, "registerCommand": msgspec.json.decode(body)})


def filed(value: str = LARGE) -> bytes:
    """Body of a query that files a document and expects a return value."""
    return query(
        parameter("@Content", "VarBinary", value),
        parameter("@Title", "NVarChar", "Synthetic letter"),
        parameter("@ret", "Int", direction="returnValue"),
    )


def sql_request(path: str, body: bytes = b"", method: str = "POST", api: str = "integrator") -> FhirRequest:
    """Request below `/queries` of the synthetic site."""
    return fhir_request("Patient/1").replace(
        method=method, path=f"{api}/sites/{GUID}/queries/{path}", interaction=NOT_FHIR, site=None, body=body
    )


def refusal(text: str = REFUSAL_TEXT, status: int = 400) -> FhirResponse:
    """Halo's answer to a command whose parameter it cannot convert."""
    return json_response({"error": {"status": 400, "statusText": "Bad Request", "message": text}}, status)


def refused(response: FhirResponse | None = None) -> Failure:
    """Failure of a refused command."""
    return Failure(PARAMETER_REFUSED, upstream_response=response or refusal())


def command_of(request: FhirRequest) -> dict[str, Any]:
    """Command in the body of a request."""
    body = msgspec.json.decode(request.body)
    command: dict[str, Any] = body.get("registerCommand", body)["command"]
    return command
