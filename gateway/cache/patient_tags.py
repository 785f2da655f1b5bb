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

_ABOUT_NOBODY = frozenset({"statement", "places and services", "staff", "definitions"})
_NOBODYS: Final = frozenset(
    {"Medication", "OperationOutcome"}.union(*(row.types for row in LIFETIMES if row.group in _ABOUT_NOBODY))
)
_ID = r"[A-Za-z0-9\-.]{1,64}"
_PATIENT = re.compile(rf"(?:https?://[^\s,|]+/)?Patient/({_ID})", re.ASCII)
_BARE = re.compile(rf"({_ID})", re.ASCII)
_MENTIONED = re.compile(rf"\bPatient\\?/({_ID})".encode())


def depends(request: FhirRequest, types: Iterable[str], secret: bytes) -> frozenset[str]:
    """The counters of patients that a question's answer depends on; none where it is about nobody.

    `types` are the resource types that it is about.
    """
    if _NOBODYS.issuperset(types):
        return frozenset()
    ids = named(request)
    return frozenset(_counter(request, each, secret) for each in ids) if ids else frozenset({ANY_PATIENT})


def besides(request: FhirRequest, answer: FhirResponse, types: Iterable[str]) -> frozenset[str]:
    """What an answer that shows these types depends on, though its question does not say so.

    Nothing, if each of its resources is provably about a patient whom the question names, or about nobody.
    """
    ids = named(request)
    if _NOBODYS.issuperset(types) or (ids and _only(answer.body, ids)):
        return frozenset()
    return frozenset({ANY_PATIENT})


def purged(site: str, type_: str, patient: str, secret: bytes) -> tuple[str, ...]:
    """The counters that a purge raises: of one patient, whatever the type, of a type, or of the site."""
    if patient:
        return (_hidden(site, patient, secret), ANY_PATIENT)
    return (type_ or ANY_TYPE,)


def named(request: FhirRequest) -> frozenset[str]:
    """Ids of the patients to whom a question limits itself; none where it does not."""
    act = request.interaction
    if act.type == "Patient" and act.id:
        return frozenset({act.id})
    return frozenset(
        found for each in request.search.parameters for found in _criterion(act.type, each.name, each.value)
    )


def _criterion(type_: str, name: str, value: str) -> Iterator[str]:
    """The patients that a criterion names; none unless it names only patients."""
    code, _, target = name.partition(":")
    if target not in {"", "Patient"} or code not in {"patient", "subject", "_id"}:
        return
    plain = code == "patient" or target == "Patient" or (code == "_id" and type_ == "Patient")
    found = [
        _PATIENT.fullmatch(each) or (_BARE.fullmatch(each) if plain else None) for each in value.split(",")
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
    def owner(self) -> str:
        """The patient's id; empty where it is not said."""
        if self.resourceType == "Patient":
            return self.id
        said = self.subject or self.patient or self.beneficiary
        found = _PATIENT.fullmatch(said.reference) if said else None
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


def _only(body: bytes, ids: frozenset[str]) -> bool:
    """Whether all in a body is about these patients or nobody, and no other patient is mentioned."""
    if not ids.issuperset(each.decode() for each in set(_MENTIONED.findall(body))):
        return False
    try:
        found = _decode(body).resources
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return all(
        each.contained is None and (each.resourceType in _NOBODYS or each.owner in ids) for each in found
    )


def _counter(request: FhirRequest, patient: str, secret: bytes) -> str:
    return _hidden(request.site.guid if request.site else "", patient, secret)


def _hidden(site: str, patient: str, secret: bytes) -> str:
    said = f"patient\0{site}\0{patient}".encode()
    return f"patient/{hmac.new(secret, said, hashlib.sha256).hexdigest()[:32]}"
