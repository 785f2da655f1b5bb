"""Freshness rules: cacheable requests, their lifetimes, and the types that a write invalidates."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.cache.lifetimes import LIFETIMES, Profile, lifetime_of_type
from gateway.exchange import FhirRequest
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.fhir.search_params import Parameter

#: Lifetime of "no such resource" in seconds: short, because the client may create the resource next.
NOT_FOUND_SECONDS = 5
#: Stands for any resource type, where a search does not determine its types.
ANY_TYPE = "*"

_CACHEABLE_INTERACTIONS = frozenset({"capabilities", "read", "vread", "search-type"})
#: Parameters for synchronisation: a cached response would leave a gap between two time windows.
_SYNC_PARAMETERS = frozenset({"_lastUpdated", "_since"})
_INCLUDE_PARAMETERS = frozenset({"_include", "_revinclude"})
_ANY_TYPE_PARAMETERS = frozenset({"_filter", "_query"})
_APPROXIMATE_DATE = re.compile(r"ap\d{4}", re.ASCII)
_WORD_SEPARATOR = re.compile(r"[:.]")
#: Chained reference parameters whose name differs from their target types (R4 search parameters).
_REFERENCE_TARGETS = {
    "subject": ("Patient", "Group", "Device", "Location"),
    "general-practitioner": ("Practitioner",),
}

#: A write changes further types at once: a booking takes a slot, appointments show the patient's name.
_TYPES_AFFECTED_BY_WRITE = {
    "Appointment": ("Slot", "Schedule"),
    "AppointmentResponse": ("Appointment", "Slot", "Schedule"),
    "Schedule": ("Appointment", "Slot"),
    "Slot": ("Appointment", "Schedule"),
    "Patient": ("Appointment", "Coverage", "RelatedPerson"),
}
_RESOURCE_TYPE = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]+)"')
_CONTAINER_TYPES = frozenset({"Bundle", "OperationOutcome"})


@dataclass(frozen=True, slots=True)
class Freshness:
    """Lifetimes of one site's responses: seconds by resource type or `*`, within the limits of LIFETIMES.

    `stale_if_error`: seconds past the lifetime in which a response is served while the practice cannot be
    reached; `stale_while_revalidate`: while the gateway fetches a new response (RFC 5861).
    """

    profile: Profile = "balanced"
    lifetimes: Mapping[str, int] = field(default_factory=dict)
    stale_if_error: Mapping[str, int] = field(default_factory=dict)
    stale_while_revalidate: Mapping[str, int] = field(default_factory=dict)

    def lifetime(self, types: Iterable[str]) -> int:
        """Return the shortest lifetime of these types in seconds; 0: a response is not stored."""
        return min((self._type_lifetime(type_) for type_ in types), default=0)

    def stale_if_error_seconds(self, types: Iterable[str]) -> int:
        """Return the seconds past the lifetime in which a response replaces a failed fetch."""
        return min((_type_stale_seconds(self.stale_if_error, type_) for type_ in types), default=0)

    def stale_while_revalidate_seconds(self, types: Iterable[str]) -> int:
        """Return the seconds past the lifetime in which a response is served during a fetch."""
        return min((_type_stale_seconds(self.stale_while_revalidate, type_) for type_ in types), default=0)

    def _type_lifetime(self, type_: str) -> int:
        if self.profile == "off":
            return 0
        if type_ == ANY_TYPE:
            return min(self._type_lifetime(listed) for row in LIFETIMES[:-1] for listed in row.types)
        row = lifetime_of_type(type_)
        default = self.lifetimes.get("*", row.seconds_in_profile(self.profile))
        return min(self.lifetimes.get(type_, default), row.max_seconds)


def _type_stale_seconds(seconds_by_type: Mapping[str, int], type_: str) -> int:
    row = lifetime_of_type(type_)
    default = 0 if row.stale_by_name_only else seconds_by_type.get("*", 0)
    return min(seconds_by_type.get(type_, default), row.max_stale_seconds)


def excessive_lifetimes(lifetimes: Mapping[str, int], *, stale: bool = False) -> list[str]:
    """Return the types whose seconds exceed the table's limit, each with the limit, for an operator."""
    rows = {type_: lifetime_of_type(type_) for type_ in lifetimes if type_ != "*"}
    limits = {type_: row.max_stale_seconds if stale else row.max_seconds for type_, row in rows.items()}
    return [
        f"{type_}: at most {limit} seconds" for type_, limit in limits.items() if lifetimes[type_] > limit
    ]


def is_cacheable(request: FhirRequest) -> bool:
    """Whether the response to a request may serve an identical request a moment later."""
    if request.interaction.code not in _CACHEABLE_INTERACTIONS or request.plan.split_searches == ():
        return False
    return all(plan.cacheable for plan in request.plan.date_plans) and not any(
        parameter.code in _SYNC_PARAMETERS or _APPROXIMATE_DATE.match(parameter.value)
        for parameter in request.client_search.parameters
    )


def can_signal_staleness(request: FhirRequest) -> bool:
    """Whether the response can contain a warning that it is stale, or does not need one.

    A searchset can contain an OperationOutcome. A single resource cannot, and a tag would change it, so
    types on which a treatment depends are not served stale as single resources.
    """
    return request.interaction.is_search or not any(
        lifetime_of_type(type_).stale_by_name_only for type_ in requested_types(request)
    )


def requested_types(request: FhirRequest) -> frozenset[str]:
    """Return the types that a request searches, includes or chains; `*` for an unknown type."""
    interaction = request.interaction
    if interaction.code == "capabilities":
        return frozenset({"CapabilityStatement"})
    return frozenset({interaction.type}).union(*map(_parameter_types, request.upstream_search.parameters))


def _parameter_types(parameter: Parameter) -> Iterator[str]:
    if parameter.code in _INCLUDE_PARAMETERS:
        yield from RESOURCE_TYPES.intersection(_WORD_SEPARATOR.split(parameter.value))
    elif parameter.code in _ANY_TYPE_PARAMETERS:
        yield ANY_TYPE
    elif parameter.code == "_has":
        yield from RESOURCE_TYPES.intersection(_WORD_SEPARATOR.split(parameter.name))
    else:
        yield from _chained_types(parameter.name)


def _chained_types(parameter_name: str) -> Iterator[str]:
    """Yield the targets of `patient.name`, `subject:Patient.name`, `schedule.actor:Practitioner.name`."""
    for link in parameter_name.split(".")[:-1]:
        code, _, target = link.partition(":")
        type_ = target or "".join(word.capitalize() for word in code.split("-"))
        yield from (type_,) if type_ in RESOURCE_TYPES else _REFERENCE_TARGETS.get(code, (ANY_TYPE,))


def returned_types(body: bytes) -> frozenset[str]:
    """Return all resource types in a response, including contained resources."""
    return frozenset(type_.decode() for type_ in set(_RESOURCE_TYPE.findall(body))) - _CONTAINER_TYPES


def written_types(request: FhirRequest) -> tuple[str, ...]:
    """Return the types that a write invalidates; only `*` if it may change any type."""
    type_ = request.interaction.type
    return (type_, *_TYPES_AFFECTED_BY_WRITE.get(type_, ())) if type_ else (ANY_TYPE,)
