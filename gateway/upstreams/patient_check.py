"""Check that a searchset, a history or `$everything` is about the resources and patients that were named.

Unknown is not wrong: a match is wrong only if all of its references at the path of a criterion are known, and
one of them names another patient. Logical references, contained resources, other servers and elements that
`_elements` or `_summary` left out are unknown.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from gateway.exchange import FhirRequest
from gateway.fhir.raw_json import UnreadableError, contains, decode_resource, string_pieces
from gateway.upstreams.entry_modes import may_include_type, resource_type
from gateway.upstreams.identifier_criteria import identifier_criteria, may_have_identifiers
from gateway.upstreams.include_check import includes_other_patient
from gateway.upstreams.patient_criteria import (
    PATIENT_MENTION,
    IdCriterion,
    ResourceName,
    id_criteria,
    patient_paths,
    references_at,
    resource_name,
)

_DECODE_ERRORS = (msgspec.MsgspecError, UnreadableError, UnicodeError, RecursionError)
#: Operations whose parameters are the search criteria of their resource type.
_SEARCH_OPERATIONS = frozenset({"lastn"})
_TYPED_URL = re.compile(r"https?://.*/([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/.*)?", re.ASCII)


class _Search(msgspec.Struct):
    mode: Any = None


class _Entry(msgspec.Struct):
    resource: Raw = Raw()
    search: _Search | None = None


class _Link(msgspec.Struct):
    relation: Any = None


class _Bundle(msgspec.Struct):
    entry: list[_Entry] | None = None
    link: list[_Link] | None = None


class _Identity(msgspec.Struct):
    resourceType: str = ""  # noqa: N815 - FHIR's name
    id: str = ""


_decode_bundle = msgspec.json.Decoder(_Bundle).decode
_decode_identity = msgspec.json.Decoder(_Identity).decode


def names_other_patient(request: FhirRequest, body: bytes) -> bool:
    """Whether a response is provably about another resource or patient than its request named."""
    interaction = request.interaction
    try:
        if interaction.is_search or interaction.operation in _SEARCH_OPERATIONS:
            return _searchset_is_wrong(request, body)
        if interaction.code == "history" and interaction.id:
            return _history_is_wrong(request, body)
        if interaction.operation == "everything" and interaction.type == "Patient" and interaction.id:
            return _everything_is_wrong(request, body)
    except _DECODE_ERRORS:
        return True  # whose it is cannot be told
    return False


def _searchset_is_wrong(request: FhirRequest, body: bytes) -> bool:
    named, identifiers = id_criteria(request), identifier_criteria(request)
    criteria = [criterion for criterion in named if not _mentions_only_named(criterion, body)]
    if not criteria and not identifiers:
        return False
    entries = _decode_bundle(body).entry or ()
    matches, includes = _matches_and_includes(request, entries)
    return (
        not all(meets_id_criteria(request, resource, criteria) for resource in matches)
        or not all(may_have_identifiers(resource, identifiers) for resource in matches)
        or includes_other_patient(request, named, matches, includes)
    )


def _mentions_only_named(criterion: IdCriterion, body: bytes) -> bool:
    """Whether the body mentions no patient but those of a reference criterion; quick, and the usual case."""
    if contains(body, rb"\u"):  # an escape may hide a mention
        return False
    named = {value.id.encode() for value in criterion.values if value.type in {"", "Patient"}}
    mentions = map(PATIENT_MENTION.findall, string_pieces(body))
    return bool(criterion.paths) and all(map(named.issuperset, mentions))


def _matches_and_includes(request: FhirRequest, entries: Iterable[_Entry]) -> tuple[list[Raw], list[Raw]]:
    """Return the resources that are matches, and those that are includes.

    Of the searched type only a match is judged if an include can give that type, and the mode is unclear.
    """
    type_ = request.interaction.type
    may_be_included = may_include_type(request.client_search, type_)
    matches, includes = list[Raw](), list[Raw]()
    for entry in entries:
        mode = entry.search.mode if entry.search else None
        is_searched = resource_type(entry.resource) == type_
        if is_searched and (mode == "match" or not may_be_included):
            matches.append(entry.resource)
        elif mode != "outcome":
            includes.append(entry.resource)
    return matches, includes


def meets_id_criteria(request: FhirRequest, resource: Raw | bytes, criteria: Sequence[IdCriterion]) -> bool:
    """Whether a resource may meet these criteria; False only if it provably does not. Raises MsgspecError."""
    identity = _decode_identity(resource)
    for criterion in criteria:
        own = ResourceName(request.interaction.type, identity.id)
        if criterion.paths:
            if not _may_refer_to(request, decode_resource(resource), criterion):
                return False
        elif identity.id and not criterion.names(own):
            return False
    return True


def _may_refer_to(request: FhirRequest, resource: dict[str, Any], criterion: IdCriterion) -> bool:
    """Whether a reference at the paths names one of the values, is unknown, or none names a patient."""
    references = [ref for path in criterion.paths for ref in references_at(resource, path)]
    names = [resource_name(request, reference) for reference in references]
    known = [name for name in names if name is not None]
    unknown = (ref for ref, name in zip(references, names, strict=True) if name is None)
    if any(map(criterion.names, known)) or any(map(_may_be_patient, unknown)):
        return True
    return not any(name.type == "Patient" for name in known)


def _may_be_patient(reference: str) -> bool:
    """Whether a reference of unknown meaning may name a patient: not by a text, nor a URL of another type."""
    match = _TYPED_URL.fullmatch(reference)
    return bool(reference) and (match is None or match[1] == "Patient")


def _history_is_wrong(request: FhirRequest, body: bytes) -> bool:
    own = ResourceName(request.interaction.type, request.interaction.id)
    return any(name.id and name != own for name in map(_name_of, _resources(body)))


def _everything_is_wrong(request: FhirRequest, body: bytes) -> bool:
    """Whether `$everything` is another patient's; R4 adds resources to which the patient's own refer.

    Of one of several pages, the patient and the referring resources may be on another.
    """
    own = ResourceName("Patient", request.interaction.id)
    resources = _resources(body) if resource_type(body) == "Bundle" else [body]
    names = [_name_of(resource) for resource in resources]
    patients = [name for name in names if name.type == "Patient"]
    others = [
        name
        for resource, name in zip(resources, names, strict=True)
        if not _concerns(request, resource, name, own)
    ]
    if _is_one_of_several_pages(request, body):
        is_mentioned = own.id.encode() in PATIENT_MENTION.findall(body) or own in patients
        return not is_mentioned and any(name.type != "Patient" for name in others)
    if patients and own not in patients:
        return True
    referenced = _mentioned_names(resources)
    return any(f"{name.type}/{name.id}".encode() not in referenced for name in others)


def _is_one_of_several_pages(request: FhirRequest, body: bytes) -> bool:
    return bool(request.plan.position.upstream_link) or any(
        link.relation == "next" for link in _decode_bundle(body).link or ()
    )


_REFERENCE = re.compile(rb'"reference"\s*:\s*"(?:[^"\\]*/)?([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})')


def _mentioned_names(resources: Iterable[Raw | bytes]) -> set[bytes]:
    return {name for resource in resources for name in _REFERENCE.findall(bytes(resource))}


def _concerns(request: FhirRequest, resource: Raw | bytes, name: ResourceName, own: ResourceName) -> bool:
    """Whether a resource may be about the patient: it mentions the patient, or names no other as its own."""
    if name.type == "Patient" or own.id.encode() in PATIENT_MENTION.findall(bytes(resource)):
        return name.type != "Patient" or name == own
    paths = patient_paths(name.type)
    criterion = IdCriterion("patient", paths, frozenset({own}))
    return _may_refer_to(request, decode_resource(resource), criterion)


def _resources(body: bytes) -> list[Raw | bytes]:
    entries = _decode_bundle(body).entry or ()
    return [entry.resource for entry in entries if memoryview(entry.resource).nbytes]


def _name_of(resource: Raw | bytes) -> ResourceName:
    identity = _decode_identity(resource)
    return ResourceName(identity.resourceType, identity.id)
