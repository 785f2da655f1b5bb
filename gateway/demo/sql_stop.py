"""Stop of the tour for SQL Passthrough: files a document of 3 MB by stored procedure."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import shake_256
from http import HTTPStatus
from typing import Any, Final

import httpx
from fhirpy import SyncFHIRClient

#: Synthetic content that no compression makes small.
DOCUMENT: Final = b"%PDF-1.7\n" + shake_256(b"synthetic").digest(3_000_000 - 9)
_PROCEDURE: Final = "dbo.FileDocument"
_TIMEOUT_SECONDS: Final = 60


def file_document(client: SyncFHIRClient) -> tuple[str, bool]:
    """Send the document to the site of a FHIR client; what happened, and whether it was filed."""
    site_url = str(client.url).removesuffix("/fhir/R4")
    response = httpx.post(
        f"{site_url}/queries/immediate",
        json=_query(DOCUMENT),
        headers=client.extra_headers,
        timeout=_TIMEOUT_SECONDS,
        trust_env=False,
    )
    if response.status_code != HTTPStatus.OK:
        return f"{response.status_code}: {_error_message(response)}", False
    return f"a document of {len(DOCUMENT):,} bytes filed", True


def compare_content(executions: Sequence[dict[str, Any]]) -> tuple[str, bool]:
    """Compare the document with what the practice's procedure got, byte for byte."""
    contents = [
        b64decode(execution["arguments"]["@Content"]["value"])
        for execution in executions
        if execution["procedure"] == _PROCEDURE
    ]
    if contents == [DOCUMENT]:
        return "the procedure got the same bytes, once", True
    return f"BUT THE PROCEDURE RAN {len(contents)} TIMES, OR GOT OTHER BYTES", False


def _query(content: bytes) -> dict[str, Any]:
    parameters = [
        {"name": "@PatientId", "direction": "input", "type": "Int", "value": "1"},
        {"name": "@Title", "direction": "input", "type": "NVarChar", "value": "Discharge summary"},
        {"name": "@Content", "direction": "input", "type": "VarBinary", "value": b64encode(content).decode()},
        {"name": "@DocumentId", "direction": "output", "type": "Int"},
    ]
    command = {"text": _PROCEDURE, "type": "storedProcedure", "executionMode": "nonQuery"}
    return {"command": {**command, "parameters": parameters}}


def _error_message(response: httpx.Response) -> str:
    """Halo's message, whatever its format; the body if it has none."""
    try:
        body = response.json()
        details = body.get("errorDetails") or body.get("error") or body
        return str(details.get("errorMessage") or details.get("message") or body)
    except (ValueError, AttributeError):
        return response.text
