"""Which questions may be answered from memory, for how long, and what a write makes stale."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.cache.lifetimes import LIFETIMES, Profile, row
from gateway.exchange import FhirRequest
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.fhir.search_params import Parameter

#: Seconds that "no such resource" may be reused.
MISSING = 5
#: Stands for "any type": what nobody can tell from a search.
ANY_TYPE = "*"

_KEPT = frozenset({"capabilities", "read", "vread", "search-type"})
#: Parameters of synchronisation: a reused answer would leave a hole between two windows.
_SYNC = frozenset({"_lastUpdated", "_since"})
_INCLUDES = frozenset({"_include", "_revinclude"})
_OPEN = frozenset({"_filter", "_query"})
_APPROXIMATE = re.compile(r"ap\d{4}", re.ASCII)
_WORDS = re.compile(r"[:.]")
#: Chained reference parameters whose name is not the name of their one target (R4 search parameters).
_TARGETS = {"subject": ("Patient", "Group", "Device", "Location"), "general-practitioner": ("Practitioner",)}

#: A write to one type shows in others at once: a booking takes a slot, a name stands in the diary.
_TOUCHED = {
    "Appointment": ("Slot", "Schedule"),
    "AppointmentResponse": ("Appointment", "Slot", "Schedule"),
    "Schedule": ("Appointment", "Slot"),
    "Slot": ("Appointment", "Schedule"),
    "Patient": ("Appointment", "Coverage", "RelatedPerson"),
}
_TYPE = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]+)"')
_CARRIERS = frozenset({"Bundle", "OperationOutcome"})


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long one site's answers are fresh; `lifetimes`, `stale`, `revalidate`: seconds by type or `*`.

    `stale` is how long beyond its lifetime an answer is served while the practice is away, `revalidate` how
    long it is served while a new one is fetched; the table's own bounds hold for all three.
    """

    profile: Profile = "balanced"
    lifetimes: Mapping[str, int] = field(default_factory=dict)
    stale: Mapping[str, int] = field(default_factory=dict)
    revalidate: Mapping[str, int] = field(default_factory=dict)

    def lifetime(self, types: Iterable[str]) -> int:
        """Seconds that an answer about these types is fresh: the shortest of theirs; 0: never kept."""
        return min((self._lifetime(each) for each in types), default=0)

    def stale_for(self, types: Iterable[str]) -> int:
        """Seconds beyond its lifetime that it may be served while the practice is away."""
        return min((_stale(self.stale, each) for each in types), default=0)

    def revalidated_for(self, types: Iterable[str]) -> int:
        """Seconds beyond its lifetime that it may be served while a new one is fetched."""
        return min((_stale(self.revalidate, each) for each in types), default=0)

    def _lifetime(self, type_: str) -> int:
        if self.profile == "off":
            return 0
        if type_ == ANY_TYPE:
            return min(self._lifetime(each) for group in LIFETIMES[:-1] for each in group.types)
        own = row(type_)
        return min(self.lifetimes.get(type_, self.lifetimes.get("*", own.seconds(self.profile))), own.maximum)


def _stale(given: Mapping[str, int], type_: str) -> int:
    own = row(type_)
    return min(given.get(type_, 0 if own.named else given.get("*", 0)), own.stale)


def too_long(lifetimes: Mapping[str, int], *, stale: bool = False) -> list[str]:
    """The types whose seconds are over what the table allows, each with its bound, for an operator."""
    found = ((each, row(each).stale if stale else row(each).maximum) for each in lifetimes if each != "*")
    return [f"{each}: at most {most} seconds" for each, most in found if lifetimes[each] > most]


def keepable(request: FhirRequest) -> bool:
    """Whether the answer to a question could serve another asker a moment later."""
    if request.interaction.code not in _KEPT or request.parts == ():
        return False
    return all(plan.cacheable for plan in request.dates) and not any(
        each.code in _SYNC or _APPROXIMATE.match(each.value) for each in request.asked.parameters
    )


def says_its_age(request: FhirRequest) -> bool:
    """Whether the answer to a question can say in itself that it is old: a searchset has room for an outcome.

    A lone resource has none, and a tag would change it; what decides a treatment is then not given old.
    """
    return request.interaction.searches or not any(row(each).named for each in types(request))


def types(request: FhirRequest) -> frozenset[str]:
    """The resource types that a question is about: searched, included, chained; `*` where that is open."""
    act = request.interaction
    if act.code == "capabilities":
        return frozenset({"CapabilityStatement"})
    return frozenset({act.type}).union(*(_of(each) for each in request.search.parameters))


def _of(each: Parameter) -> Iterator[str]:
    if each.code in _INCLUDES:
        yield from RESOURCE_TYPES.intersection(_WORDS.split(each.value))
    elif each.code in _OPEN:
        yield ANY_TYPE
    elif each.code == "_has":
        yield from RESOURCE_TYPES.intersection(_WORDS.split(each.name))
    else:
        yield from _chained(each.name)


def _chained(name: str) -> Iterator[str]:
    """Targets of `patient.name`, `subject:Patient.name`, `schedule.actor:Practitioner.name`."""
    for link in name.split(".")[:-1]:
        code, _, target = link.partition(":")
        guess = target or "".join(word.capitalize() for word in code.split("-"))
        yield from (guess,) if guess in RESOURCE_TYPES else _TARGETS.get(code, (ANY_TYPE,))


def returned_types(body: bytes) -> frozenset[str]:
    """Every resource type in an answer, contained ones too."""
    return frozenset(each.decode() for each in set(_TYPE.findall(body))) - _CARRIERS


def written_types(request: FhirRequest) -> tuple[str, ...]:
    """The types that a write makes stale; `*` alone where any may have changed."""
    type_ = request.interaction.type
    return (type_, *_TOUCHED.get(type_, ())) if type_ else (ANY_TYPE,)
