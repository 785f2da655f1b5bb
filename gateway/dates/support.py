"""What is known, or cautiously assumed, about the date search of one site's upstream."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, tzinfo
from types import MappingProxyType
from typing import Final, Literal, TypeVar

from gateway.dates.registry import DateParameter

Precision = Literal["second", "frac", "mixed-day", "mixed-month", "mixed-year"]
PeriodSemantics = Literal["unknown", "r4", "overlap", "start-only"]
ParameterKey = tuple[str, str]
"""Resource type (or `*`) and code."""

_RANGE_TYPES: Final = frozenset({"Period", "Timing"})
_Fact = TypeVar("_Fact")

MAY_BE_PARTIAL: Final[frozenset[ParameterKey]] = frozenset(
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
class DateSearchSupport:
    """The answers of a probe; the defaults are what may be assumed without one.

    `precision` of a choice element also says that the upstream shows only points there, no Period.
    `columns` is the zone of the upstream's column; without an entry it is the site's zone.
    """

    supports_repeated_parameter: bool = True
    supports_comma_or: bool = False
    supports_sa_eb: bool = False
    period_semantics: PeriodSemantics = "unknown"
    column_time_zones: Mapping[ParameterKey, tzinfo] = field(default_factory=lambda: MappingProxyType({}))
    date_precision: Mapping[ParameterKey, Precision] = field(default_factory=lambda: MappingProxyType({}))
    declared_parameters: Mapping[ParameterKey, DateParameter] = field(
        default_factory=lambda: MappingProxyType({})
    )
    max_split_queries: int = 4
    earliest_date: date = date(1753, 1, 1)

    def column_zone(self, parameter: DateParameter, site_zone: tzinfo) -> tzinfo:
        """The zone of the wall clock in the parameter's column."""
        return _fact_about(self.column_time_zones, parameter) or site_zone

    def precision_of(self, parameter: DateParameter) -> Precision | None:
        """How exact the upstream's values are: as configured, or a year where people remember by the year."""
        return (
            "mixed-year" if self.precision_unknown(parameter) else _fact_about(self.date_precision, parameter)
        )

    def has_points(self, parameter: DateParameter) -> bool:
        """Whether only points stand there: by its type, or as configured where the type leaves the choice."""
        if parameter.kind != "range":
            return True
        choice = not parameter.paths or any(path.type not in _RANGE_TYPES for path in parameter.paths)
        return choice and self.precision_of(parameter) is not None

    def precision_unknown(self, parameter: DateParameter) -> bool:
        """Whether nobody said how exact the values are, nor how the upstream compares a partial one."""
        unknown = _fact_about(self.date_precision, parameter) is None
        return unknown and parameter.kind == "dateTime" and self.may_be_partial(parameter)

    def may_be_partial(self, parameter: DateParameter) -> bool:
        """Whether the element is one that holds a bare year or month until a probe says otherwise."""
        return (parameter.resource, parameter.code) in MAY_BE_PARTIAL


def _fact_about(table: Mapping[ParameterKey, _Fact], parameter: DateParameter) -> _Fact | None:
    found = table.get((parameter.resource, parameter.code))
    return found if found is not None else table.get(("*", parameter.code))
