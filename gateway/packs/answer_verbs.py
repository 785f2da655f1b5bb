"""Verbs of answers: `set-code`, `map-code`, `set-header`, `map-status`, `error-path`.

An answer may become an error; an error never becomes a success, and credentials are out of reach.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import Raw

from gateway.errors.failure import Failure, FailureKind
from gateway.exchange import FhirRequest, Headers, may_write
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import encode, object_fields
from gateway.packs.conditions import Condition
from gateway.packs.facets import Facets
from gateway.packs.file import ErrorPath, MapCode, MapStatus, SetCode, SetHeader, When
from gateway.packs.page_links import may_omit_elements
from gateway.packs.tables import codes_of
from gateway.repairs.repair import Fields
from gateway.upstreams.entry_modes import resource_type
from gateway.upstreams.error_rule import ErrorRule
from gateway.upstreams.status_rules import RULES

#: Code of the tag of a resource with a part of its elements (R4 valueset-common-tags.html).
_SUBSET_TAG = b"SUBSETTED"
#: Media types by which servers mean FHIR's JSON, also before R4.
_FHIR_JSON = frozenset({"application/fhir+json", "application/json", "application/json+fhir", "text/json"})
_JSON_TYPE = re.compile(r"application/(?:fhir\+json|json)", re.ASCII)
#: Header fields of requests and answers that a pack may set, and the values that it may give them.
HEADERS: Mapping[tuple[str, str], re.Pattern[str]] = {
    ("request", "accept-language"): re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}", re.ASCII),
    ("request", "content-type"): _JSON_TYPE,
    ("request", "prefer"): re.compile(r"handling=strict|return=representation", re.ASCII),
    ("answer", "content-type"): _JSON_TYPE,
}
#: Statuses that concern the caller's credentials, rate and connection, which no pack changes.
_RESERVED = frozenset({401, 403, 407, 408, 429})
#: Statuses that an error may get.
TARGETS = frozenset({400, 404, 409, 410, 412, 422, 500, 502, 503, 504})
_CLIENT_ERRORS, _ERRORS = range(400, 500), range(400, 600)
#: Statuses that say that there is no such resource.
_ABSENT = frozenset({404, 410})
#: Decimals keep their digits.
_decode = msgspec.json.Decoder(float_hook=lambda text: Raw(text.encode())).decode
Value = Any


def code_problems(verb: SetCode | MapCode, _: When) -> Iterator[str]:
    """Yield why the codes of an element may not be written: R4 must list them."""
    path = verb.set_code if isinstance(verb, SetCode) else verb.map_code
    type_, _dot, element = path.partition(".")
    codes = codes_of(type_, element)
    if not codes:
        yield f"{path} is no element of type code whose codes R4 lists"
        return
    targets = {verb.value} if isinstance(verb, SetCode) else set(verb.values.values())
    for target in sorted(targets - codes):
        yield f"{path} has no code {target}; R4 has {', '.join(sorted(codes))}"
    for source in sorted(codes.intersection(verb.values) if isinstance(verb, MapCode) else ()):
        yield f"{source} is a code of R4 for {path}: it means what it says, and cannot be mapped"
    if isinstance(verb, SetCode) and "." in element:
        yield f"{path} is below another element; set-code writes elements of the resource only"


def set_code_facets(verb: SetCode, applies: Condition) -> Facets:
    """Write `unknown` where a code is missing from a whole resource: a part of one may have it elsewhere."""
    type_, _, name = verb.set_code.partition(".")

    def change(fields: dict[str, Raw]) -> dict[str, Raw]:
        is_there = name in fields or f"_{name}" in fields or _SUBSET_TAG in bytes(fields.get("meta", b""))
        return fields if is_there else {**fields, name: Raw(msgspec.json.encode(verb.value))}

    def asks_whole(request: FhirRequest) -> bool:
        return applies(request) and not may_write(request) and not may_omit_elements(request)

    return Facets(entry=_resource_edit(type_, "", asks_whole, change))


def map_code_facets(verb: MapCode, applies: Condition) -> Facets:
    """Write the codes of R4 for those that it does not have."""
    type_, _, element = verb.map_code.partition(".")
    path = element.split(".")

    def change(fields: dict[str, Raw]) -> dict[str, Raw]:
        raw = fields.get(path[0])
        old = _decode(raw) if raw is not None else None
        new = _map_codes(old, path[1:], verb.values)
        return fields if new == old else {**fields, path[0]: Raw(msgspec.json.encode(new))}

    return Facets(entry=_resource_edit(type_, path[0], applies, change))


def _map_codes(value: Value, path: list[str], codes: Mapping[str, str]) -> Value:
    if isinstance(value, list):
        return [_map_codes(item, path, codes) for item in value]
    if not path:
        return codes.get(value, value) if isinstance(value, str) else value
    if isinstance(value, dict) and path[0] in value:
        return {**value, path[0]: _map_codes(value[path[0]], path[1:], codes)}
    return value


def _resource_edit(
    type_: str, name: str, applies: Condition, change: Callable[[dict[str, Raw]], dict[str, Raw]]
) -> Callable[[FhirRequest, Entry], Entry]:
    """Edit of a resource of one type, decoded only if it has the name. Raises UnreadableError."""
    mention = f'"{name}"'.encode()

    def edit(request: FhirRequest, entry: Entry) -> Entry:
        resource = entry.resource
        if resource is None or resource_type(resource) != type_ or not applies(request):
            return entry
        if name and mention not in bytes(resource):
            return entry
        old = object_fields(resource)
        new = change(old)
        return entry if new is old else entry.with_field("resource", encode(new))

    return edit


def header_problems(verb: SetHeader, _: When) -> Iterator[str]:
    """Yield why a header may not be set to the value."""
    pattern = HEADERS.get((verb.on, verb.set_header.lower()))
    if pattern is None:
        allowed = ", ".join(name for on, name in HEADERS if on == verb.on)
        yield f"{verb.set_header} cannot be set on the {verb.on}; a pack may set {allowed}"
    elif not pattern.fullmatch(verb.value):
        yield f"{verb.set_header} cannot have this value; a pack may write {pattern.pattern}"


def header_facets(verb: SetHeader, applies: Condition) -> Facets:
    """Set a header; what the client prefers stays, and a media type is replaced by another of JSON only."""
    name = verb.set_header.lower()

    def with_value(request: FhirRequest, headers: Headers) -> Headers:
        old = next((value for field, value in headers if field == name), None)
        if old == verb.value or not applies(request) or not _is_replaced(request, name, old):
            return headers
        others = tuple(field for field in headers if field[0] != name)
        return (*others, (name, verb.value))

    if verb.on == "answer":
        return Facets(headers=with_value)

    def request(request: FhirRequest) -> FhirRequest:
        headers = with_value(request, request.headers)
        return request if headers is request.headers else request.replace(headers=headers)

    return Facets(request=request)


def _is_replaced(request: FhirRequest, name: str, old: str | None) -> bool:
    """Whether a header may be replaced: a media type only if it means FHIR's JSON in UTF-8."""
    if name != "content-type" or old is None:
        return name != "content-type" and old is None
    media_type, _, parameters = old.lower().partition(";")
    is_fhir = media_type.strip() in _FHIR_JSON and ("charset" not in parameters or "utf-8" in parameters)
    has_own_json = request.interaction.code == "patch" or request.interaction.type == "Binary"
    return is_fhir and not has_own_json


def status_problems(verb: MapStatus, when: When) -> Iterator[str]:
    """Yield why an error may not get another status."""
    if not when.status:
        yield "name in `when` the statuses that the upstream sends"
    if when.type or when.interaction or when.parameter or when.engine_version:
        yield "map-status is of all answers of the upstream: `when` has only status"
    for status in when.status or ():
        if status not in _ERRORS or status in _RESERVED:
            yield f"{status} cannot be mapped: write an error status other than {_status_list(_RESERVED)}"
        elif status in _CLIENT_ERRORS and verb.map_status not in _CLIENT_ERRORS:
            yield f"{status} is an error of one request, and {verb.map_status} would stop those of others"
        else:
            yield from _meaning_problems(verb, status)
    yield from _target_problems(verb.map_status)


def _meaning_problems(verb: MapStatus, status: int) -> Iterator[str]:
    """Yield why an error may not hide an outage, or say that there is no such resource."""
    is_absent = verb.map_status in _ABSENT
    if status in _CLIENT_ERRORS:
        if is_absent and status not in _ABSENT and not verb.says:
            yield f"not every {status} means that nothing is there: write in `says` the text that does"
    elif is_absent:
        yield f"{status} may be an outage, which must not read as {verb.map_status}, no such resource"
    elif verb.map_status in _CLIENT_ERRORS and not verb.says:
        yield f"{status} may be an outage: write another 5xx, or in `says` the text of {verb.map_status}"


def status_facets(verb: MapStatus, when: When, issue: str) -> Facets:
    """Rule by which an error has the kind of another status."""
    pattern = re.escape(verb.says) if verb.says else ""
    statuses = frozenset(when.status or ())
    kind = kind_of_status(verb.map_status, may_have_run=not statuses <= set(_CLIENT_ERRORS))
    return Facets(rules=(ErrorRule(issue, kind, status=statuses, message_pattern=pattern),))


def kind_of_status(status: int, *, may_have_run: bool) -> FailureKind:
    """Return the gateway's kind of failure of a status; `may_have_run`: a write may have changed data."""
    rule = next(rule for rule in RULES if set(rule.status) == {status})
    return replace(rule.kind, may_have_run=True, may_be_partial=True) if may_have_run else rule.kind


def error_path_problems(verb: ErrorPath, _: When) -> Iterator[str]:
    """Yield why a member may not be an error."""
    yield from _target_problems(verb.status)
    if verb.status in _ABSENT and verb.equals is None:
        yield f"not every error means that nothing is there: write in `equals` what means {verb.status}"
    if verb.error_path.partition(".")[0] in {"resourceType", "id", "entry"} and verb.equals is None:
        yield f"{verb.error_path} is in good answers, too: write `equals`"


def error_path_facets(verb: ErrorPath, applies: Condition) -> Facets:
    """Raise a failure for an answer that has the member."""
    path = verb.error_path.split(".")
    kind = kind_of_status(verb.status, may_have_run=True)

    def require_none(request: FhirRequest, fields: Mapping[str, Raw]) -> None:
        raw = fields.get(path[0]) if applies(request) else None
        value = _value_at(_decode(raw), path[1:]) if raw is not None else None
        if (value and verb.equals is None) or (verb.equals is not None and value == verb.equals):
            raise Failure(kind)

    def fields(request: FhirRequest, fields: Fields) -> Fields:
        require_none(request, fields)
        return fields

    def entry(request: FhirRequest, entry: Entry) -> Entry:
        if entry.resource is not None and len(entry.fields) == 1:  # alone, not in a Bundle
            require_none(request, object_fields(entry.resource))
        return entry

    return Facets(fields=fields, entry=entry)


def _value_at(value: Value, path: list[str]) -> Value:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _target_problems(status: int) -> Iterator[str]:
    if status not in TARGETS:
        yield f"{status} is no status that an error may get: write one of {_status_list(TARGETS)}"


def _status_list(statuses: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(statuses)))
