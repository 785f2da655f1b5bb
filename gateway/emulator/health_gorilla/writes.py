"""Creates and updates: what Health Gorilla checks, and repeats with the same idempotency key."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_hex
from typing import Any, Final

import msgspec
from starlette.responses import Response

from gateway.emulator.health_gorilla.data import Resource
from gateway.emulator.health_gorilla.errors import GorillaError, fhir_response
from gateway.emulator.health_gorilla.rendering import Base, render, to_stored
from gateway.emulator.health_gorilla.state import FirstResponse, GorillaState, add_bounded

_KEY_SECONDS: Final = 3_600
#: Elements that a new resource must have.
_REQUIRED: Final = {
    "Patient": ("name",),
    "DocumentReference": ("status", "subject"),
    "RequestGroup": ("status", "intent", "subject"),
    "Subscription": ("criteria", "channel"),
    "Observation": ("status", "code"),
}


def once_per_key(
    state: GorillaState, client: str, key: str, digest: str, create: Callable[[], Response]
) -> Response:
    """Return the response to a create: with a key that is known, the first one. Raises GorillaError.

    Without a key, each request creates. 409: the key belongs to another request; it is known for an hour.
    """
    if not key:
        return create()
    first = state.first_responses.get((client, key))
    if first and first.expires > state.clock():
        if first.digest != digest:
            raise GorillaError("conflict")
        return Response(first.response.body, first.response.status_code, dict(first.response.headers))
    response = create()
    expires = state.clock() + _KEY_SECONDS
    add_bounded(state.first_responses, (client, key), FirstResponse(expires, digest, response))
    return response


def digest_of(path: str, body: bytes) -> str:
    """Digest that tells two creates apart."""
    return sha256(path.encode() + b"\0" + body).hexdigest()


def parse_resource(resource_type: str, body: bytes, origin: str) -> Resource:
    """Return a client's resource as the tables hold it. Raises GorillaError: 400 if it is not of the type."""
    try:
        resource = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise GorillaError("invalid-request") from None
    if not isinstance(resource, dict) or resource.get("resourceType") != resource_type:
        raise GorillaError("invalid-request", "Invalid request: the body is of another type than the URL")
    stored: Resource = to_stored(resource, origin)
    return stored


def create_resource(state: GorillaState, base: Base, resource: Resource) -> Response:
    """Store a new resource: 201 with its Location. Raises GorillaError (422)."""
    _check(state, resource)
    stored = {**resource, "id": token_hex(12)}
    state.tables[resource["resourceType"]][stored["id"]] = _with_version(state, stored, 1)
    return _write_response(state, base, stored, 201)


def update_resource(state: GorillaState, base: Base, identity: str, resource: Resource) -> Response:
    """Replace a resource: 200. Raises GorillaError (404, 422)."""
    version = int(state.find(resource["resourceType"], identity)["meta"]["versionId"])
    if resource.get("id") != identity:
        raise GorillaError("invalid-content", "The 'id' field must be that of the URL.", "id")
    _require_elements(resource)
    state.tables[resource["resourceType"]][identity] = _with_version(state, resource, version + 1)
    return _write_response(state, base, resource, 200)


def _with_version(state: GorillaState, resource: Resource, version: int) -> Resource:
    instant = datetime.fromtimestamp(state.clock(), UTC).isoformat(timespec="milliseconds")
    meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": instant}
    return {**resource, "meta": meta}


def _write_response(state: GorillaState, base: Base, resource: Resource, status: int) -> Response:
    resource_type, identity = resource["resourceType"], resource["id"]
    stored = state.find(resource_type, identity)
    version = stored["meta"]["versionId"]
    headers = {
        "location": f"{base.url}/{resource_type}/{identity}/_history/{version}",
        "etag": f'W/"{version}"',
    }
    return fhir_response(render(stored, base), status, headers)


def _check(state: GorillaState, resource: Resource) -> None:
    _require_elements(resource)
    check = _CHECKS.get(resource["resourceType"])
    if not check:
        return
    try:
        check(state, resource)
    except (AttributeError, IndexError, KeyError, TypeError):
        raise GorillaError("invalid-content", "Invalid format of a field.") from None


def _require_elements(resource: Resource) -> None:
    resource_type = resource["resourceType"]
    for name in _REQUIRED.get(resource_type, ()):
        if not resource.get(name):
            raise GorillaError(
                "invalid-content", f"The '{name}' field is required.", f"{resource_type}.{name}"
            )


def _check_patient(state: GorillaState, patient: Resource) -> None:
    patients = list(state.tables["Patient"].values())
    if any(not _record_numbers(patient).isdisjoint(_record_numbers(each)) for each in patients):
        raise GorillaError("id2-exists")
    if any(_demographics(patient) == _demographics(each) for each in patients):
        raise GorillaError("duplicate")


def _record_numbers(patient: Resource) -> set[str]:
    return {str(identifier.get("value", "")) for identifier in patient.get("identifier", [])} - {""}


def _demographics(patient: Resource) -> tuple[str, str, str, str]:
    name = patient["name"][0]
    given = " ".join(name.get("given", ())).casefold()
    return name.get("family", "").casefold(), given, patient.get("birthDate", ""), patient.get("gender", "")


def _check_document(_: GorillaState, document: Resource) -> None:
    attachments = [content.get("attachment", {}) for content in document.get("content", [])]
    if not any(attachment.get("data") or attachment.get("url") for attachment in attachments):
        raise GorillaError("empty-attachment")


def _check_order(state: GorillaState, order: Resource) -> None:
    extensions = {str(each.get("url", "")).rpartition("/")[2]: each for each in order.get("extension", [])}
    performer = extensions.get("hg-order-performer", {}).get("valueReference", {})
    if not (performer.get("reference") or performer.get("display")):
        raise GorillaError("unknown-performer")
    authorised_by = extensions.get("hg-order-authorized-by", {}).get("valueReference")
    author = order.get("author", {}).get("reference", "").rpartition("/")[2]
    if authorised_by is not None and author not in state.tables["Practitioner"]:
        raise GorillaError("unknown-authorized-by")


_CHECKS: Final[dict[str, Callable[[GorillaState, Any], None]]] = {
    "Patient": _check_patient,
    "DocumentReference": _check_document,
    "RequestGroup": _check_order,
}
