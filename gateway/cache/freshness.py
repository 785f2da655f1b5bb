"""Which questions may be answered from memory, for how long, and what a write makes stale."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.cache.lifetimes import LIFETIMES, Profile, lifetime_of_type
from gateway.exchange import FhirRequest
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.fhir.search_params import Parameter

#: Seconds that "no such resource" may be reused.
NOT_FOUND_SECONDS = 5
#: Stands for "any type": what nobody can tell from a search.
ANY_TYPE = "*"

_CACHEABLE_INTERACTIONS = frozenset({"capabilities", "read", "vread", "search-type"})
#: Parameters of synchronisation: a reused answer would leave a hole between two windows.
_SYNC_PARAMETERS = frozenset({"_lastUpdated", "_since"})
_INCLUDE_PARAMETERS = frozenset({"_include", "_revinclude"})
_ANY_TYPE_PARAMETERS = frozenset({"_filter", "_query"})
_APPROXIMATE_DATE = re.compile(r"ap\d{4}", re.ASCII)
_WORD_SEPARATOR = re.compile(r"[:.]")
#: Chained reference parameters whose name is not the name of their one target (R4 search parameters).
_REFERENCE_TARGETS = {
    "subject": ("Patient", "Group", "Device", "Location"),
    "general-practitioner": ("Practitioner",),
}

#: A write to one type shows in others at once: a booking takes a slot, a name stands in the diary.
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
    """How long one site's answers are fresh; `lifetimes`, `stale`, `revalidate`: seconds by type or `*`.

    `stale` is how long beyond its lifetime an answer is served while the practice is away, `revalidate` how
    long it is served while a new one is fetched; the table's own bounds hold for all three.
    """

    profile: Profile = "balanced"
    lifetimes: Mapping[str, int] = field(default_factory=dict)
    stale_if_error: Mapping[str, int] = field(default_factory=dict)
    stale_while_revalidate: Mapping[str, int] = field(default_factory=dict)

    def lifetime(self, types: Iterable[str]) -> int:
        """Seconds that an answer about these types is fresh: the shortest of theirs; 0: never kept."""
        return min((self._type_lifetime(each) for each in types), default=0)

    def stale_if_error_seconds(self, types: Iterable[str]) -> int:
        """Seconds beyond its lifetime that it may be served while the practice is away."""
        return min((_type_stale_seconds(self.stale_if_error, each) for each in types), default=0)

    def stale_while_revalidate_seconds(self, types: Iterable[str]) -> int:
        """Seconds beyond its lifetime that it may be served while a new one is fetched."""
        return min((_type_stale_seconds(self.stale_while_revalidate, each) for each in types), default=0)

    def _type_lifetime(self, type_: str) -> int:
        if self.profile == "off":
            return 0
        if type_ == ANY_TYPE:
            return min(self._type_lifetime(each) for group in LIFETIMES[:-1] for each in group.types)
        own = lifetime_of_type(type_)
        return min(
            self.lifetimes.get(type_, self.lifetimes.get("*", own.seconds_in_profile(self.profile))),
            own.max_seconds,
        )


def _type_stale_seconds(seconds_by_type: Mapping[str, int], type_: str) -> int:
    own = lifetime_of_type(type_)
    return min(
        seconds_by_type.get(type_, 0 if own.stale_by_name_only else seconds_by_type.get("*", 0)),
        own.max_stale_seconds,
    )


def excessive_lifetimes(lifetimes: Mapping[str, int], *, stale: bool = False) -> list[str]:
    """The types whose seconds are over what the table allows, each with its bound, for an operator."""
    found = (
        (each, lifetime_of_type(each).max_stale_seconds if stale else lifetime_of_type(each).max_seconds)
        for each in lifetimes
        if each != "*"
    )
    return [f"{each}: at most {most} seconds" for each, most in found if lifetimes[each] > most]


def is_cacheable(request: FhirRequest) -> bool:
    """Whether the answer to a question could serve another asker a moment later."""
    if request.interaction.code not in _CACHEABLE_INTERACTIONS or request.split_searches == ():
        return False
    return all(plan.cacheable for plan in request.date_plans) and not any(
        each.code in _SYNC_PARAMETERS or _APPROXIMATE_DATE.match(each.value)
        for each in request.client_search.parameters
    )


def can_signal_staleness(request: FhirRequest) -> bool:
    """Whether the answer to a question can say in itself that it is old: a searchset has room for an outcome.

    A lone resource has none, and a tag would change it; what decides a treatment is then not given old.
    """
    return request.interaction.is_search or not any(
        lifetime_of_type(each).stale_by_name_only for each in requested_types(request)
    )


def requested_types(request: FhirRequest) -> frozenset[str]:
    """The resource types that a question is about: searched, included, chained; `*` where that is open."""
    act = request.interaction
    if act.code == "capabilities":
        return frozenset({"CapabilityStatement"})
    return frozenset({act.type}).union(
        *(_parameter_types(each) for each in request.upstream_search.parameters)
    )


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
    """Targets of `patient.name`, `subject:Patient.name`, `schedule.actor:Practitioner.name`."""
    for link in parameter_name.split(".")[:-1]:
        code, _, target = link.partition(":")
        guess = target or "".join(word.capitalize() for word in code.split("-"))
        yield from (guess,) if guess in RESOURCE_TYPES else _REFERENCE_TARGETS.get(code, (ANY_TYPE,))


def returned_types(body: bytes) -> frozenset[str]:
    """Every resource type in an answer, contained ones too."""
    return frozenset(each.decode() for each in set(_RESOURCE_TYPE.findall(body))) - _CONTAINER_TYPES


def written_types(request: FhirRequest) -> tuple[str, ...]:
    """The types that a write makes stale; `*` alone where any may have changed."""
    type_ = request.interaction.type
    return (type_, *_TYPES_AFFECTED_BY_WRITE.get(type_, ())) if type_ else (ANY_TYPE,)
