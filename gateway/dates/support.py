"""What is known, or cautiously assumed, about the date search of one site's upstream."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, tzinfo
from types import MappingProxyType
from typing import Final, Literal, TypeVar

from gateway.dates.registry import DateParameter

Precision = Literal["second", "frac", "mixed-day", "mixed-month", "mixed-year"]
PeriodModel = Literal["unknown", "r4", "overlap", "start-only"]
Key = tuple[str, str]
"""Resource type (or `*`) and code."""

_RANGES: Final = frozenset({"Period", "Timing"})
_Fact = TypeVar("_Fact")

PARTIAL: Final[frozenset[Key]] = frozenset(
    {
        ("AllergyIntolerance", "last-date"),
        ("AllergyIntolerance", "onset"),
        ("Condition", "abatement-date"),
        ("Condition", "onset-date"),
        ("FamilyMemberHistory", "date"),
        ("Immunization", "date"),
        ("MedicationStatement", "effective"),
        ("Patient", "death-date"),
        ("Procedure", "date"),
    }
)
"""Elements people remember by the year: until probed they may hold partial dates."""


@dataclass(frozen=True, kw_only=True)
class DateFacts:
    """The answers of a probe; the defaults are what may be assumed without one.

    `precision` of a choice element also says that the upstream shows only points there, no Period.
    `columns` is the zone of the upstream's column; without an entry it is the site's zone.
    """

    repeats: bool = True
    comma: bool = False
    sa_eb: bool = False
    period: PeriodModel = "unknown"
    columns: Mapping[Key, tzinfo] = field(default_factory=lambda: MappingProxyType({}))
    precision: Mapping[Key, Precision] = field(default_factory=lambda: MappingProxyType({}))
    declared: Mapping[Key, DateParameter] = field(default_factory=lambda: MappingProxyType({}))
    max_splits: int = 4
    floor: date = date(1753, 1, 1)

    def column(self, parameter: DateParameter, site: tzinfo) -> tzinfo:
        """The zone of the wall clock in the parameter's column."""
        return _fact(self.columns, parameter) or site

    def precision_of(self, parameter: DateParameter) -> Precision | None:
        """How exact the upstream's values are: as configured, or a year where people remember by the year."""
        return "mixed-year" if self.guesses(parameter) else _fact(self.precision, parameter)

    def has_points(self, parameter: DateParameter) -> bool:
        """Whether only points stand there: by its type, or as configured where the type leaves the choice."""
        if parameter.kind != "range":
            return True
        choice = not parameter.paths or any(path.type not in _RANGES for path in parameter.paths)
        return choice and self.precision_of(parameter) is not None

    def guesses(self, parameter: DateParameter) -> bool:
        """Whether nobody said how exact the values are, nor how the upstream compares a partial one."""
        unknown = _fact(self.precision, parameter) is None
        return unknown and parameter.kind == "dateTime" and self.may_be_partial(parameter)

    def may_be_partial(self, parameter: DateParameter) -> bool:
        """Whether the element is one that holds a bare year or month until a probe says otherwise."""
        return (parameter.resource, parameter.code) in PARTIAL


def _fact(facts: Mapping[Key, _Fact], parameter: DateParameter) -> _Fact | None:
    found = facts.get((parameter.resource, parameter.code))
    return found if found is not None else facts.get(("*", parameter.code))
