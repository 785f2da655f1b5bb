"""Date search support of a site's upstream, as probed or cautiously assumed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, tzinfo
from types import MappingProxyType
from typing import Final, Literal, TypeVar

from gateway.dates.registry import DateParameter

Precision = Literal["second", "frac", "mixed-day", "mixed-month", "mixed-year"]
PeriodSemantics = Literal["unknown", "r4", "overlap", "start-only"]
#: Resource type (or `*`) and code.
ParameterKey = tuple[str, str]

_RANGE_TYPES: Final = frozenset({"Period", "Timing"})
_Fact = TypeVar("_Fact")

#: Elements whose dates patients often remember only by the year: before a probe, values may be partial.
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


@dataclass(frozen=True, kw_only=True)
class DateSearchSupport:
    """Results of a probe; the defaults are safe assumptions without a probe.

    A `date_precision` of a choice element also means that the upstream returns points for it, never a Period.
    `column_time_zones` are the zones of the upstream's columns; the default is the site's zone.
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
    max_date_values: int = 100
    earliest_date: date = date(1753, 1, 1)

    def column_zone(self, parameter: DateParameter, site_zone: tzinfo) -> tzinfo:
        """Zone of the wall clock in the parameter's column."""
        return _fact_about(self.column_time_zones, parameter) or site_zone

    def precision_of(self, parameter: DateParameter) -> Precision | None:
        """Precision of the upstream's values: as configured, else `mixed-year` if they may be partial."""
        return (
            "mixed-year" if self.precision_unknown(parameter) else _fact_about(self.date_precision, parameter)
        )

    def has_points(self, parameter: DateParameter) -> bool:
        """Whether the element is always a point: by its type, or for a choice of types as configured."""
        if parameter.kind != "range":
            return True
        is_choice = not parameter.paths or any(path.type not in _RANGE_TYPES for path in parameter.paths)
        return is_choice and self.precision_of(parameter) is not None

    def precision_unknown(self, parameter: DateParameter) -> bool:
        """Whether values may be partial and `date_precision` has no entry for them."""
        unknown = _fact_about(self.date_precision, parameter) is None
        return unknown and parameter.kind == "dateTime" and self.may_be_partial(parameter)

    def may_be_partial(self, parameter: DateParameter) -> bool:
        """Whether the element may hold a year or month only, unless a probe has shown its precision."""
        return (parameter.resource, parameter.code) in MAY_BE_PARTIAL


def _fact_about(table: Mapping[ParameterKey, _Fact], parameter: DateParameter) -> _Fact | None:
    fact = table.get((parameter.resource, parameter.code))
    return fact if fact is not None else table.get(("*", parameter.code))
