"""Synthetic requests and responses with default values."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from support.date_facts import PROBED

from gateway.dates.timezones import load_zone
from gateway.exchange import FhirRequest, FhirResponse, Site
from gateway.fhir.interaction import interaction_for
from gateway.fhir.search_params import parse_search
from gateway.sql.interaction import sql_interaction

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"
NOW = datetime(2026, 7, 1, 2, 0, tzinfo=UTC)
SITE = Site(GUID, load_zone("Australia/Sydney"), "harbour", date_support=PROBED)
#: A mounted upstream that is no Halo Connect.
LABS = Site("labs", load_zone("UTC"), "labs", is_mount=True)


def fhir_request(path: str = "Patient", query: str = "", method: str = "GET", **changes: Any) -> FhirRequest:
    """Request to the synthetic site; `changes` are fields of the request, or a search `form`."""
    interaction = interaction_for(method, path)
    assert interaction is not None, f"{method} {path} is no interaction"
    search = parse_search(query, changes.pop("form", ""))
    fields: dict[str, Any] = {
        "method": method,
        "interaction": interaction,
        "path": path,
        "public_base": f"https://gw.example/integrator/sites/{GUID}/fhir/R4",
        "upstream_base": f"https://api.haloconnect.io/integrator/sites/{GUID}/fhir/R4",
        "response_format": "application/fhir+json",
        "site": SITE,
        "client_search": search,
        "upstream_search": search,
        "received_at": NOW,
        "request_id": "r-1",
    }
    return FhirRequest(**(fields | changes))


def json_response(content: object, status: int = 200, **headers: str) -> FhirResponse:
    """Upstream response with a JSON body."""
    fields = {
        "content-type": "application/json",
        **{key.replace("_", "-"): value for key, value in headers.items()},
    }
    return FhirResponse(status, tuple(fields.items()), msgspec.json.encode(content))


def sql_request(
    path: str = "immediate", method: str = "POST", body: bytes = b"{}", **changes: Any
) -> FhirRequest:
    """Request to SQL Passthrough at the synthetic site; `path` is below `/queries`."""
    full_path = f"integrator/sites/{GUID}/queries/{path}"
    fields: dict[str, Any] = {
        "interaction": sql_interaction(method, full_path, body),
        "public_base": "https://gw.example",
        "upstream_base": "https://api.haloconnect.io",
        "site": SITE,
        "body": body,
        "received_at": NOW,
        "request_id": "r-1",
    }
    return FhirRequest(method=method, path=full_path, **(fields | changes))
