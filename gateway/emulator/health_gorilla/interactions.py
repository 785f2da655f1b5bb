"""Interactions at a FHIR base: reads, searches, operations, writes and the CapabilityStatement."""

from base64 import b64decode
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from gateway.emulator.health_gorilla.data import RESOURCE_TYPES, Resource
from gateway.emulator.health_gorilla.errors import GorillaError, fhir_response
from gateway.emulator.health_gorilla.paging import page_of
from gateway.emulator.health_gorilla.rendering import Base, render
from gateway.emulator.health_gorilla.search import PARAMETERS, Pair, matching_resources
from gateway.emulator.health_gorilla.state import GorillaState
from gateway.emulator.health_gorilla.writes import (
    create_resource,
    digest_of,
    once_per_key,
    parse_resource,
    update_resource,
)

#: Operations that Health Gorilla runs only asynchronously.
ASYNC_OPERATIONS: Final = ("$everything", "$p360-retrieve")
_BODY_TYPES: Final = ("application/json", "application/fhir+json")
_FORM_TYPE: Final = "application/x-www-form-urlencoded"


class Call(NamedTuple):
    """A request of a client at a base: its state, path below the base, and body."""

    state: GorillaState
    request: Request
    base: Base
    client: str
    path: list[str]
    body: bytes

    @property
    def method(self) -> str:
        """Method; HEAD is answered as GET."""
        return "GET" if self.request.method == "HEAD" else self.request.method


def execute(call: Call) -> Response:
    """Return the response to an interaction. Raises GorillaError."""
    resource = _readable_resource(call)
    if resource is not None:
        return fhir_response(resource)
    match call.method, call.path:
        case "GET", ["Binary", identity]:
            return _binary_response(call, call.state.find("Binary", identity))
        case "POST", [name] if name in _WRITABLE:
            return _create(call, name)
        case "PUT", [name, identity] if name in _WRITABLE:
            return _update(call, name, identity)
    raise _refusal(call.path)


def _readable_resource(call: Call) -> Resource | None:
    """Build the resource of a read, search or operation; None for other interactions. Raises GorillaError."""
    match call.method, call.path:
        case "GET", ["metadata"]:
            return capability_statement(call.base)
        case ("GET", [name]) | ("POST", [name, "_search"]) if name in RESOURCE_TYPES:
            return _searchset(call, name)
        case "GET" | "POST", ["Patient", identity, operation] if operation in ASYNC_OPERATIONS:
            return _compartment(call, identity)
        case "GET", [name, identity] if name != "Binary":
            return render(call.state.find(name, identity), call.base)
    return None


_WRITABLE: Final = ("Patient", "DocumentReference", "RequestGroup", "Observation", "Subscription")


def _refusal(path: list[str]) -> GorillaError:
    if not path or path[0] not in RESOURCE_TYPES:
        return GorillaError("not-found", "Not found: resource type not supported, or not a FHIR end-point")
    allow = "GET, HEAD, POST, PUT" if path[0] in _WRITABLE else "GET, HEAD"
    return GorillaError("method-not-allowed", headers={"allow": allow})


def _require_json(request: Request) -> None:
    """Raise GorillaError (415) for a body in another media type."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _BODY_TYPES:
        raise GorillaError("media-type")


def _create(call: Call, name: str) -> Response:
    _require_json(call.request)
    resource = parse_resource(name, call.body, call.base.origin)
    return once_per_key(
        call.state,
        call.client,
        call.request.headers.get("hg-idempotency-key", ""),
        digest_of(call.request.scope["path"], call.body),
        lambda: _existing_match(call, name) or create_resource(call.state, call.base, resource),
    )


def _update(call: Call, name: str, identity: str) -> Response:
    _require_json(call.request)
    resource = parse_resource(name, call.body, call.base.origin)
    return update_resource(call.state, call.base, identity, resource)


def _existing_match(call: Call, name: str) -> Response | None:
    """Response to a conditional create if a resource matches its criteria (`If-None-Exist`)."""
    criteria = call.request.headers.get("if-none-exist", "")
    if not criteria:
        return None
    pairs = parse_qsl(criteria.rpartition("?")[2], keep_blank_values=True)
    found = matching_resources(call.state.tables[name].values(), name, pairs)
    return fhir_response(render(found[0], call.base)) if found else None


def _pairs(call: Call) -> list[Pair]:
    pairs = parse_qsl(call.request.url.query, keep_blank_values=True)
    if call.request.headers.get("content-type", "").startswith(_FORM_TYPE):
        pairs += parse_qsl(call.body.decode(errors="replace"), keep_blank_values=True)
    return pairs


def _searchset(call: Call, name: str) -> Resource:
    pairs = _pairs(call)
    found = matching_resources(call.state.tables[name].values(), name, pairs)
    page = page_of(found, f"{call.base.url}/{name}", pairs, call.state.settings.paging)
    return _bundle(call.base, page.resources, len(found), page.links)


def _compartment(call: Call, identity: str) -> Resource:
    patient = call.state.find("Patient", identity)
    others = [
        resource
        for name in ("DocumentReference", "DiagnosticReport", "Observation", "RequestGroup")
        for resource in matching_resources(call.state.tables[name].values(), name, [("patient", identity)])
    ]
    url = f"{call.base.url}/{'/'.join(call.path)}"
    return _bundle(call.base, [patient, *others], len(others) + 1, [("self", url)])


def _bundle(base: Base, resources: list[Resource], total: int, links: list[tuple[str, str]]) -> Resource:
    entries = [
        {
            "fullUrl": f"{base.url}/{each['resourceType']}/{each['id']}",
            "resource": render(each, base),
            "search": {"mode": "match"},
        }
        for each in resources
    ]
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        "link": [{"relation": name, "url": url} for name, url in links],
    } | ({"entry": entries} if entries else {})


def _binary_response(call: Call, binary: Resource) -> Response:
    """Content of a Binary, or the resource if the client accepts FHIR."""
    if "fhir+json" in call.request.headers.get("accept", ""):
        return fhir_response(render(binary, call.base))
    return content_response(binary)


def content_response(binary: Resource) -> Response:
    """Content of a Binary in its own media type."""
    return Response(b64decode(binary["data"]), media_type=binary["contentType"])


def capability_statement(base: Base) -> Resource:
    """Build the CapabilityStatement of a base."""
    version = {"R4": "4.0.1", "STU3": "3.0.1"}[base.version]
    statement: dict[str, Any] = {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-01-01",
        "kind": "instance",
        "implementation": {"description": "Emulator of Health Gorilla", "url": base.url},
        "fhirVersion": version,
        "format": ["application/fhir+json"],
        "rest": [{"mode": "server", "resource": [_capability(name) for name in RESOURCE_TYPES]}],
    }
    return statement | ({"acceptUnknown": "no"} if base.version == "STU3" else {})


def _capability(name: str) -> Resource:
    codes = ["read", "search-type", *(["create", "update"] if name in _WRITABLE else [])]
    names = sorted(PARAMETERS.get(name, {}))
    capability: Resource = {"type": name, "interaction": [{"code": code} for code in codes]}
    types = {"birthdate": "date", "date": "date", "family": "string", "given": "string", "name": "string"}
    types |= dict.fromkeys(("patient", "subject", "author", "general-practitioner"), "reference")
    parameters = [{"name": each, "type": types.get(each, "token")} for each in names]
    return capability | ({"searchParam": parameters} if parameters else {})
