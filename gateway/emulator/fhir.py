"""FHIR endpoint of one site: from path and method to the interaction."""

from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.emulator.bundle import searchset
from gateway.emulator.capability_statement import capability_statement
from gateway.emulator.conditional_writes import (
    record_to_create,
    record_to_update,
    require_conditions,
    version_headers,
)
from gateway.emulator.data.records import Record
from gateway.emulator.errors import json_response, too_large_refusal
from gateway.emulator.etags import with_etag
from gateway.emulator.history import history
from gateway.emulator.links import split_page_position
from gateway.emulator.operations import find_free_slots, patient_id_by_identifier, patient_summary
from gateway.emulator.paged_operations import last_observations, patient_everything
from gateway.emulator.parsing import parse_resource
from gateway.emulator.request_context import RequestContext
from gateway.emulator.search.parameters import RESOURCE_TYPES
from gateway.emulator.search.query import Pair
from gateway.emulator.search.refusal import Refusal, bad_argument


def search_pairs(request: Request, body: bytes) -> list[Pair]:
    """Return the search parameters of the URL and the form body, in that order."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    if "form-urlencoded" in request.headers.get("content-type", ""):
        pairs += parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
    return pairs


def operation_pairs(request: Request, body: bytes) -> list[Pair]:
    """Return the parameters of the URL, and of the form or Parameters resource in the body."""
    pairs = search_pairs(request, body)
    if not body.startswith(b"{"):
        return pairs
    parameters = msgspec.json.decode(body).get("parameter", [])
    values = [
        (item["name"], [item[name] for name in item if name.startswith("value")]) for item in parameters
    ]
    return pairs + [(name, str(value)) for name, found in values for value in found]


def fhir_response(context: RequestContext, request: Request, path: list[str], body: bytes) -> Response:
    """Answer one FHIR interaction. Raises Refusal if it is not supported, invalid or too large."""
    match request.method, path:
        case "POST", ["Patient" | "Appointment" as name]:
            return _create_resource(context, request, parse_resource(name, body))
        case "PUT", ["Patient" | "Appointment" as name, identity]:
            return _update_resource(context, request, identity, parse_resource(name, body))
        case "PUT", ["Patient" | "Appointment" as name]:
            return _update_by_search(context, request, parse_resource(name, body))
    if context.variants.later_page_status and _is_later_page(request, body):
        return Response(status_code=context.variants.later_page_status)
    resource = _bundle(context, request, path, body) or _readable_resource(context, request, path, body)
    if resource.get("type") == "searchset":
        return with_etag(_encode_response(context, request, resource), request, context.variants.etags)
    return _encode_response(context, request, resource, headers=_read_headers(context, path))


def _is_later_page(request: Request, body: bytes) -> bool:
    return split_page_position(search_pairs(request, body))[1] > 0


def _bundle(context: RequestContext, request: Request, path: list[str], body: bytes) -> dict[str, Any] | None:
    """Build the Bundle of a search or history; None for any other request. Raises Refusal."""
    method = "GET" if request.method == "HEAD" else request.method
    match method, path:
        case ("GET", [name]) | ("POST", [name, "_search"]) if name in RESOURCE_TYPES:
            return searchset(context, name, search_pairs(request, body))
        case "GET", [name, identity, "_history"] if name in RESOURCE_TYPES:
            return history(context, name, identity, search_pairs(request, body))
    return None


def _read_headers(context: RequestContext, path: list[str]) -> dict[str, str]:
    """ETag of a read."""
    match path:
        case [name, identity] if name in RESOURCE_TYPES and (record := context.find_record(name, identity)):
            return version_headers(context, record)
    return {}


def _readable_resource(
    context: RequestContext, request: Request, path: list[str], body: bytes
) -> dict[str, Any]:
    """Build the resource that a read or operation returns. Raises Refusal."""
    method = "GET" if request.method == "HEAD" else request.method
    if path and path[-1].startswith("$"):
        return _operation_result(context, method, path, operation_pairs(request, body))
    match method, path:
        case "GET", ["metadata"]:
            return capability_statement(context)
        case ("GET", [name]) | ("POST", [name, "_search"]) if name in RESOURCE_TYPES:
            return searchset(context, name, search_pairs(request, body))
    return _read_resource(context, method, path)


def _operation_result(
    context: RequestContext, method: str, path: list[str], pairs: list[Pair]
) -> dict[str, Any]:
    """Build the result of an operation. Raises Refusal, also for one that the site does not have."""
    has_more = context.variants.more_operations
    match method, path:
        case "GET" | "POST", ["Patient", identity, "$everything"] if has_more:
            return patient_everything(context, identity, pairs)
        case "GET" | "POST", ["Observation", "$lastn"] if has_more:
            return last_observations(context, pairs)
        case "GET" | "POST", ["Slot" | "Appointment", "$find-free"]:
            return find_free_slots(context, pairs)
        case "GET", ["Patient", identity, "$summary"]:
            return patient_summary(context, identity)
        case "GET", ["Patient", "$summary"]:
            return patient_summary(context, patient_id_by_identifier(context, pairs))
    return _read_resource(context, method, path)


def _encode_response(
    context: RequestContext,
    request: Request,
    resource: Any,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    response = json_response(resource, status, headers)
    if len(response.body) > context.size_limit:
        raise too_large_refusal(context.size_limit)
    if "fhir+json" in request.headers.get("accept", ""):
        response.headers["content-type"] = "application/fhir+json; charset=utf-8"
    return response


def _read_resource(context: RequestContext, method: str, path: list[str]) -> dict[str, Any]:
    """Find the row of a read, or of a vread if the variant `vread` is on; else raise Refusal (404)."""
    match method, path:
        case ("GET", [name, identity]) if name in RESOURCE_TYPES:
            record = context.find_record(name, identity)
        case ("GET", [name, identity, "_history", "1"]) if name in RESOURCE_TYPES and context.variants.vread:
            record = context.find_record(name, identity)
        case _:
            raise Refusal("engine", 404, "Unable to parse Resource URL", "not-found")
    if not record:
        raise Refusal("engine", 404, "Resource not found", "not-found")
    return context.render(record)


def _create_resource(context: RequestContext, request: Request, resource: dict[str, Any]) -> Response:
    existing = record_to_create(context, request, resource["resourceType"])
    if existing:
        return _encode_record(context, request, existing)
    record = context.practice.create(resource)
    return _encode_record(context, request, record, 201, {"location": context.full_url(record.resource)})


def _update_by_search(context: RequestContext, request: Request, resource: dict[str, Any]) -> Response:
    found = record_to_update(context, request, resource["resourceType"])
    if found is None:
        return _create_resource(context, request, resource)
    return _update_resource(context, request, found.resource["id"], {"id": found.resource["id"], **resource})


def _update_resource(
    context: RequestContext, request: Request, resource_id: str, resource: dict[str, Any]
) -> Response:
    if resource.get("id") != resource_id:
        raise bad_argument("Resource id must equal the id in the URL")
    record = context.find_record(resource["resourceType"], resource_id)
    if not record:
        raise Refusal("engine", 404, "Resource not found", "not-found")
    require_conditions(context, request, record)
    return _encode_record(context, request, context.practice.update(resource))


def _encode_record(
    context: RequestContext,
    request: Request,
    record: Record,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    fields = version_headers(context, record) | (headers or {})
    return _encode_response(context, request, context.render(record), status, fields)
