"""Which patients an answer is about, where that can be proved: then one patient can be purged alone.

A patient shows in the names of counters only as a keyed hash.
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

#: What an answer depends on whose patients are not known one by one; every patient's purge raises it.
ANY_PATIENT: Final = "patient/*"

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
    """The counters of patients that a question's answer depends on; none where it is about nobody.

    `types` are the resource types that it is about.
    """
    if _TYPES_WITHOUT_PATIENT.issuperset(types):
        return frozenset()
    ids = patients_in_request(request)
    return frozenset(_patient_tag(request, each, secret) for each in ids) if ids else frozenset({ANY_PATIENT})


def response_patient_tags(
    request: FhirRequest, response: FhirResponse, types: Iterable[str]
) -> frozenset[str]:
    """What an answer that shows these types depends on, though its question does not say so.

    Nothing, if each of its resources is provably about a patient whom the question names, or about nobody.
    """
    ids = patients_in_request(request)
    if _TYPES_WITHOUT_PATIENT.issuperset(types) or (ids and _concerns_only(response.body, ids)):
        return frozenset()
    return frozenset({ANY_PATIENT})


def purge_tags(site: str, type_: str, patient: str, secret: bytes) -> tuple[str, ...]:
    """The counters that a purge raises: of one patient, whatever the type, of a type, or of the site."""
    if patient:
        return (_keyed_hash(site, patient, secret), ANY_PATIENT)
    return (type_ or ANY_TYPE,)


def patients_in_request(request: FhirRequest) -> frozenset[str]:
    """Ids of the patients to whom a question limits itself; none where it does not."""
    act = request.interaction
    if act.type == "Patient" and act.id:
        return frozenset({act.id})
    return frozenset(
        found
        for each in request.upstream_search.parameters
        for found in _patients_in_criterion(act.type, each.name, each.value)
    )


def _patients_in_criterion(type_: str, name: str, value: str) -> Iterator[str]:
    """The patients that a criterion names; none unless it names only patients."""
    code, _, target = name.partition(":")
    if target not in {"", "Patient"} or code not in {"patient", "subject", "_id"}:
        return
    plain = code == "patient" or target == "Patient" or (code == "_id" and type_ == "Patient")
    found = [
        _PATIENT_REFERENCE.fullmatch(each) or (_BARE_ID.fullmatch(each) if plain else None)
        for each in value.split(",")
    ]
    if code != "_id" or type_ == "Patient":
        yield from (each[1] for each in found if each) if all(found) else ()


class _Reference(msgspec.Struct):
    reference: str = ""


class _Resource(msgspec.Struct):
    """What of a resource says whose it is: the owner's element (R4 compartmentdefinition-patient.html)."""

    resourceType: str = ""  # noqa: N815 - FHIR's name
    id: str = ""
    subject: _Reference | None = None
    patient: _Reference | None = None
    beneficiary: _Reference | None = None
    contained: Any = None

    @property
    def patient_id(self) -> str:
        """The patient's id; empty where it is not said."""
        if self.resourceType == "Patient":
            return self.id
        said = self.subject or self.patient or self.beneficiary
        found = _PATIENT_REFERENCE.fullmatch(said.reference) if said else None
        return found[1] if found else ""


class _Entry(msgspec.Struct):
    resource: _Resource | None = None


class _Body(_Resource):
    """An answer: a resource, or a Bundle of some."""

    entry: list[_Entry] = []

    @property
    def resources(self) -> list[_Resource]:
        """The resources in it."""
        entries = [each.resource for each in self.entry if each.resource]
        return entries if self.resourceType == "Bundle" else [self]


_decode = msgspec.json.Decoder(_Body).decode


def _concerns_only(body: bytes, patient_ids: frozenset[str]) -> bool:
    """Whether all in a body is about these patients or nobody, and no other patient is mentioned."""
    if not patient_ids.issuperset(each.decode() for each in set(_PATIENT_MENTION.findall(body))):
        return False
    try:
        found = _decode(body).resources
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return all(
        each.contained is None
        and (each.resourceType in _TYPES_WITHOUT_PATIENT or each.patient_id in patient_ids)
        for each in found
    )


def _patient_tag(request: FhirRequest, patient: str, secret: bytes) -> str:
    return _keyed_hash(request.site.guid if request.site else "", patient, secret)


def _keyed_hash(site: str, patient: str, secret: bytes) -> str:
    said = f"patient\0{site}\0{patient}".encode()
    return f"patient/{hmac.new(secret, said, hashlib.sha256).hexdigest()[:32]}"
