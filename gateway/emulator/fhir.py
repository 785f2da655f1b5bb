"""The FHIR endpoint of one site: path and method to interaction."""

from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from gateway.emulator.bundle import searchset
from gateway.emulator.capability_statement import capability_statement
from gateway.emulator.errors import json_response, too_large
from gateway.emulator.operations import find_free, identified_patient, patient_summary
from gateway.emulator.parsing import parsed
from gateway.emulator.request_context import Visit
from gateway.emulator.search.parameters import TYPES
from gateway.emulator.search.query import Pair
from gateway.emulator.search.refusal import Refusal, bad_argument


def parameters(request: Request, body: bytes) -> list[Pair]:
    """The search parameters in URL and form body, in that order."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    if "form-urlencoded" in request.headers.get("content-type", ""):
        pairs += parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
    return pairs


def fhir_response(visit: Visit, request: Request, path: list[str], body: bytes) -> Response:
    """The answer to one FHIR interaction. Raises Refusal for what Halo has not, or when it is too large."""
    match request.method, path:
        case "POST", ["Patient" | "Appointment" as name]:
            return _create(visit, request, parsed(name, body))
        case "PUT", ["Patient" | "Appointment" as name, identity]:
            return _update(visit, request, identity, parsed(name, body))
    return _fhir(visit, request, _found(visit, request, path, body))


def _found(visit: Visit, request: Request, path: list[str], body: bytes) -> dict[str, Any]:
    """What a reading interaction finds."""
    method = "GET" if request.method == "HEAD" else request.method
    match method, path:
        case "GET", ["metadata"]:
            return capability_statement(visit)
        case "GET" | "POST", ["Slot" | "Appointment", "$find-free"]:
            return find_free(visit, parameters(request, body))
        case "GET", ["Patient", identity, "$summary"]:
            return patient_summary(visit, identity)
        case "GET", ["Patient", "$summary"]:
            return patient_summary(visit, identified_patient(visit, parameters(request, body)))
        case ("GET", [name]) | ("POST", [name, "_search"]) if name in TYPES:
            return searchset(visit, name, parameters(request, body))
    return _read(visit, method, path)


def _fhir(
    visit: Visit, request: Request, resource: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    response = json_response(resource, status, headers)
    if len(response.body) > visit.size_limit:
        raise too_large(visit.size_limit)
    if "fhir+json" in request.headers.get("accept", ""):
        response.headers["content-type"] = "application/fhir+json; charset=utf-8"
    return response


def _read(visit: Visit, method: str, path: list[str]) -> dict[str, Any]:
    """A row by read, or by vread where that variant is on. Raises Refusal (404) for anything else."""
    match method, path:
        case ("GET", [name, identity]) if name in TYPES:
            record = visit.row(name, identity)
        case ("GET", [name, identity, "_history", "1"]) if name in TYPES and visit.variants.vread:
            record = visit.row(name, identity)
        case _:
            raise Refusal("engine", 404, "Unable to parse Resource URL", "not-found")
    if not record:
        raise Refusal("engine", 404, "Resource not found", "not-found")
    return visit.shown(record)


def _create(visit: Visit, request: Request, resource: dict[str, Any]) -> Response:
    record = visit.practice.create(resource)
    location = visit.full_url(record.resource)
    return _fhir(visit, request, visit.shown(record), 201, {"location": location})


def _update(visit: Visit, request: Request, identity: str, resource: dict[str, Any]) -> Response:
    if resource.get("id") != identity:
        raise bad_argument("Resource id must equal the id in the URL")
    if not visit.row(resource["resourceType"], identity):
        raise Refusal("engine", 404, "Resource not found", "not-found")
    return _fhir(visit, request, visit.shown(visit.practice.update(resource)))
