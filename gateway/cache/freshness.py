"""Freshness rules: cacheable requests, their lifetimes, and the types that a write invalidates."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.cache.lifetimes import LIFETIMES, Profile, lifetime_of_type
from gateway.exchange import FhirRequest
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.fhir.search_params import Parameter
from gateway.http.preferences import accepts_asynchronous_response

#: Lifetime of "no such resource" in seconds: short, because the client may create the resource next.
NOT_FOUND_SECONDS = 5
#: Stands for any resource type, where a search does not determine its types.
ANY_TYPE = "*"

_LISTED_TYPES = frozenset(type_ for row in LIFETIMES for type_ in row.types)
_CACHEABLE_INTERACTIONS = frozenset({"capabilities", "read", "vread", "search-type"})
#: Parameters for synchronisation: a cached response would leave a gap between two time windows.
_SYNC_PARAMETERS = frozenset({"_lastUpdated", "_since"})
_ANY_TYPE_PARAMETERS = frozenset({"_filter", "_query"})
_APPROXIMATE_DATE = re.compile(r"ap\d{4}", re.ASCII)
#: Reference parameters whose name differs from their target types (R4 search parameters).
_REFERENCE_TARGETS = {
    "subject": ("Patient", "Group", "Device", "Location"),
    "general-practitioner": ("Practitioner", "PractitionerRole", "Organization"),
}

#: A write changes further types at once: a booking takes a slot, appointments show the patient's name.
_TYPES_AFFECTED_BY_WRITE = {
    "Appointment": ("Slot", "Schedule"),
    "AppointmentResponse": ("Appointment", "Slot", "Schedule"),
    "Schedule": ("Appointment", "Slot"),
    "Slot": ("Appointment", "Schedule"),
    "Patient": ("Appointment", "Coverage", "RelatedPerson"),
}
#: Operations that only read (R4, R5, Halo); any other operation may change any type.
_READING_OPERATIONS = frozenset(
    """document everything expand explain find find-free lastn lookup match meta subsumes summary translate
    validate validate-code waitlist""".split()  # noqa: SIM905 - a list would be fifteen lines
)
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
        all_types = _with_all_types(types, self.lifetimes)
        return min((self._type_lifetime(type_) for type_ in all_types), default=0)

    def stale_if_error_seconds(self, types: Iterable[str]) -> int:
        """Return the seconds past the lifetime in which a response replaces a failed fetch."""
        return _stale_seconds(self.stale_if_error, types)

    def stale_while_revalidate_seconds(self, types: Iterable[str]) -> int:
        """Return the seconds past the lifetime in which a response is served during a fetch."""
        return _stale_seconds(self.stale_while_revalidate, types)

    def _type_lifetime(self, type_: str) -> int:
        if self.profile == "off":
            return 0
        row = lifetime_of_type(type_)
        default = self.lifetimes.get("*", row.seconds_in_profile(self.profile))
        return min(self.lifetimes.get(type_, default), row.max_seconds)


def _with_all_types(types: Iterable[str], settings: Mapping[str, int]) -> Iterable[str]:
    """Return the types; for ANY_TYPE all that have a lifetime, a setting or neither."""
    return {ANY_TYPE, *settings, *_LISTED_TYPES} if ANY_TYPE in (unique := frozenset(types)) else unique


def _stale_seconds(seconds_by_type: Mapping[str, int], types: Iterable[str]) -> int:
    all_types = _with_all_types(types, seconds_by_type)
    return min((_type_stale_seconds(seconds_by_type, type_) for type_ in all_types), default=0)


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


def is_unstored_read(request: FhirRequest) -> bool:
    """Whether a mounted upstream's response to a read is never kept: a document, or one that comes later.

    A Binary may be as large as a scan, and an asynchronous answer names a job of this request only.
    """
    is_later = not request.interaction.is_write and accepts_asynchronous_response(request)
    return request.interaction.is_binary_read or is_later


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
    return frozenset({interaction.type or ANY_TYPE}).union(
        *map(_parameter_types, request.upstream_search.parameters)
    )


def _parameter_types(parameter: Parameter) -> Iterator[str]:
    if parameter.code == "_include":
        yield from _included_types(parameter.value)
    elif parameter.code == "_revinclude":
        yield _known_type(parameter.value.partition(":")[0])
    elif parameter.code in _ANY_TYPE_PARAMETERS or _returns_containers(parameter):
        yield ANY_TYPE
    elif parameter.code == "_list":
        yield "List"
    else:
        yield from _criterion_types(parameter.name)


def _returns_containers(parameter: Parameter) -> bool:
    """Whether a search of contained resources may return any type that contains them."""
    return parameter.name == "_contained" and parameter.value != "false"


def _included_types(value: str) -> Iterator[str]:
    """Yield the source and the targets of `*`, `Appointment:*`, `Appointment:actor:Practitioner`."""
    source, _, path = value.partition(":")
    code, _, target = path.partition(":")
    yield _known_type(source)
    yield from (_known_type(target),) if target else _reference_targets(code)


def _criterion_types(name: str) -> Iterator[str]:
    """Yield the types of `patient.name`, `actor:Practitioner.name` and `_has:Observation:patient:code`."""
    chain, has, reverse_chain = name.partition("_has:")
    for link in chain.split(".")[:-1]:
        code, _, target = link.partition(":")
        yield from (_known_type(target),) if target else _reference_targets(code)
    if has:
        source, _, path = reverse_chain.partition(":")
        yield _known_type(source)
        yield from _criterion_types(path.partition(":")[2])


def _reference_targets(code: str) -> tuple[str, ...]:
    """Return the types that a reference parameter may refer to."""
    type_ = "".join(word.capitalize() for word in code.split("-"))
    return (type_,) if type_ in RESOURCE_TYPES else _REFERENCE_TARGETS.get(code, (ANY_TYPE,))


def _known_type(name: str) -> str:
    """Return the resource type; any type for a wildcard or an unknown name."""
    return name if name in RESOURCE_TYPES else ANY_TYPE


def returned_types(body: bytes) -> frozenset[str]:
    """Return all resource types in a response, including contained resources."""
    return frozenset(type_.decode() for type_ in set(_RESOURCE_TYPE.findall(body))) - _CONTAINER_TYPES


def written_types(request: FhirRequest) -> tuple[str, ...]:
    """Return the types that a write invalidates; only `*` if it may change any type."""
    type_, operation = request.interaction.type, request.interaction.operation
    if not type_ or (operation and operation not in _READING_OPERATIONS):
        return (ANY_TYPE,)
    return types_affected_by(type_)


def types_affected_by(type_: str) -> tuple[str, ...]:
    """Return a type that has changed, and those that change with it."""
    return (type_, *_TYPES_AFFECTED_BY_WRITE.get(type_, ()))
