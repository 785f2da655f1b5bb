"""Patient tags of a response: the patients it is provably about, so that one patient can be purged alone.

The names of counters contain a patient only as a keyed hash.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from gateway.cache.freshness import ANY_TYPE
from gateway.cache.lifetimes import LIFETIMES
from gateway.exchange import FhirRequest, FhirResponse

#: Tag of a response whose patients are not determined; a purge of any patient increments its counter.
ANY_PATIENT: Final = "patient/*"

#: Patients with a tag each: a response about more of them ends with a purge of any patient, because each tag
#: is one more read of a counter.
_MAX_PATIENTS: Final = 20

_GROUPS_WITHOUT_PATIENT = frozenset({"statement", "places and services", "staff", "definitions"})
_TYPES_WITHOUT_PATIENT: Final = frozenset(
    {"Medication", "OperationOutcome"}.union(
        *(row.types for row in LIFETIMES if row.group in _GROUPS_WITHOUT_PATIENT)
    )
)
_ID_PATTERN = r"[A-Za-z0-9\-.]{1,64}"
_PATIENT_REFERENCE = re.compile(rf"(?:https?://[^\s,|]+/)?Patient/({_ID_PATTERN})", re.ASCII)
_BARE_ID = re.compile(rf"({_ID_PATTERN})", re.ASCII)
_PATIENT_MENTION = re.compile(rf"\bPatient\\?/({_ID_PATTERN})".encode())


def request_patient_tags(request: FhirRequest, types: Iterable[str], secret: bytes) -> frozenset[str]:
    """Return the patient tags that follow from the request; none if its `types` contain no patient data."""
    if _TYPES_WITHOUT_PATIENT.issuperset(types):
        return frozenset()
    ids = patients_in_request(request)
    return frozenset(_patient_tag(request, id_, secret) for id_ in ids) if ids else frozenset({ANY_PATIENT})


def response_patient_tags(
    request: FhirRequest, response: FhirResponse, types: Iterable[str]
) -> frozenset[str]:
    """Return the patient tags that follow only from the response; `types` are all its resource types.

    None, if each resource is provably about a patient named in the request, or about no patient.
    """
    ids = patients_in_request(request)
    if _TYPES_WITHOUT_PATIENT.issuperset(types) or (ids and _concerns_only(response.body, ids)):
        return frozenset()
    return frozenset({ANY_PATIENT})


def purge_tags(site: str, type_: str, patient: str, secret: bytes) -> tuple[str, ...]:
    """Return the tags whose counters a purge increments: of a patient (any type), a type, or the site."""
    if patient:
        return (_keyed_hash(site, patient, secret), ANY_PATIENT)
    return (type_ or ANY_TYPE,)


def patients_in_request(request: FhirRequest) -> frozenset[str]:
    """Return the ids of the patients to which a request is limited; none if it is not, or to very many."""
    act = request.interaction
    if act.type == "Patient" and act.id:
        return frozenset({act.id})
    criteria = [item for item in request.upstream_search.parameters if _may_name_patients(item.name)]
    if sum(criterion.value.count(",") + 1 for criterion in criteria) > _MAX_PATIENTS:
        return frozenset()
    return frozenset(
        patient_id
        for criterion in criteria
        for patient_id in _patients_in_criterion(act.type, criterion.name, criterion.value)
    )


def _may_name_patients(name: str) -> bool:
    code, _, target = name.partition(":")
    return target in {"", "Patient"} and code in {"patient", "subject", "_id"}


def _patients_in_criterion(type_: str, name: str, value: str) -> Iterator[str]:
    """Yield the patients of a criterion; none unless all its values are patients."""
    code, _, target = name.partition(":")
    is_patient_id = code == "patient" or target == "Patient" or (code == "_id" and type_ == "Patient")
    matches = [
        _PATIENT_REFERENCE.fullmatch(reference) or (_BARE_ID.fullmatch(reference) if is_patient_id else None)
        for reference in value.split(",")
    ]
    if (code != "_id" or type_ == "Patient") and all(matches):
        yield from (match[1] for match in matches if match)


class _Reference(msgspec.Struct):
    reference: str = ""


class _Resource(msgspec.Struct):
    """The elements that refer to a resource's patient (R4 compartmentdefinition-patient.html)."""

    resourceType: str = ""  # noqa: N815 - FHIR's name
    id: str = ""
    subject: _Reference | None = None
    patient: _Reference | None = None
    beneficiary: _Reference | None = None
    contained: Any = None

    @property
    def patient_id(self) -> str:
        """Id of the patient; empty if no element refers to one."""
        if self.resourceType == "Patient":
            return self.id
        element = self.subject or self.patient or self.beneficiary
        match = _PATIENT_REFERENCE.fullmatch(element.reference) if element else None
        return match[1] if match else ""


class _Entry(msgspec.Struct):
    resource: _Resource | None = None


class _Body(_Resource):
    """Body of a response: a resource or a Bundle."""

    entry: list[_Entry] = []

    @property
    def resources(self) -> list[_Resource]:
        """The Bundle's resources, or the resource itself."""
        resources = [entry.resource for entry in self.entry if entry.resource]
        return resources if self.resourceType == "Bundle" else [self]


_decode = msgspec.json.Decoder(_Body).decode


def _concerns_only(body: bytes, patient_ids: frozenset[str]) -> bool:
    """Whether all resources are about these patients or no patient, and mention no other patient."""
    if not patient_ids.issuperset(id_.decode() for id_ in set(_PATIENT_MENTION.findall(body))):
        return False
    try:
        resources = _decode(body).resources
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return all(
        resource.contained is None
        and (resource.resourceType in _TYPES_WITHOUT_PATIENT or resource.patient_id in patient_ids)
        for resource in resources
    )


def _patient_tag(request: FhirRequest, patient: str, secret: bytes) -> str:
    return _keyed_hash(request.site.guid if request.site else "", patient, secret)


def _keyed_hash(site: str, patient: str, secret: bytes) -> str:
    message = f"patient\0{site}\0{patient}".encode()
    return f"patient/{hmac.new(secret, message, hashlib.sha256).hexdigest()[:32]}"
