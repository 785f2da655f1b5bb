"""Date search support of a site's upstream: what is known, and what is possible where nothing is known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, tzinfo
from types import MappingProxyType
from typing import Final, Literal, TypeVar

from gateway.dates.column_clock import ColumnClock, Labels
from gateway.dates.registry import DateParameter

Precision = Literal["second", "frac", "mixed-day", "mixed-month", "mixed-year"]
PeriodSemantics = Literal["unknown", "r4", "overlap", "start-only"]
#: Resource type (or `*`) and code (or `*`).
ParameterKey = tuple[str, str]
#: Zone of a column's clock; `site`: that of the site.
ClockZone = tzinfo | Literal["site"]

_RANGE_TYPES: Final = frozenset({"Period", "Timing"})
_LAST_UPDATED: Final = "_lastUpdated"
#: Zones that a column has if nothing is known: a fixed standard offset lies between them.
_POSSIBLE_ZONES: Final[tuple[ClockZone, ...]] = ("site", UTC)
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
    """What is known about a site's upstream; the defaults are safe without a probe.

    `column_time_zones`: zones of the upstream's columns; a column without entry has the site's clock or UTC.
    `label_meanings`: meaning of the labels of `meta.lastUpdated`, by resource type or `*`. A `date_precision`
    of a choice element, by its code, also means that the upstream returns points for it, never a Period.
    """

    supports_repeated_parameter: bool = True
    supports_comma_or: bool = False
    supports_sa_eb: bool = False
    period_semantics: PeriodSemantics = "unknown"
    column_time_zones: Mapping[ParameterKey, ClockZone] = field(default_factory=lambda: MappingProxyType({}))
    label_meanings: Mapping[str, Labels] = field(default_factory=lambda: MappingProxyType({}))
    date_precision: Mapping[ParameterKey, Precision] = field(default_factory=lambda: MappingProxyType({}))
    declared_parameters: Mapping[ParameterKey, DateParameter] = field(
        default_factory=lambda: MappingProxyType({})
    )
    max_split_queries: int = 4
    max_date_values: int = 100
    earliest_date: date = date(1753, 1, 1)

    def column_clock(self, parameter: DateParameter, site_zone: tzinfo) -> ColumnClock:
        """Clock of the parameter's column, as far as it is known. A `date` has none."""
        if parameter.kind == "date":
            return ColumnClock((site_zone,))
        known = _fact_about(self.column_time_zones, parameter)
        zones = dict.fromkeys(
            site_zone if zone == "site" else zone for zone in ((known,) if known else _POSSIBLE_ZONES)
        )
        return ColumnClock(tuple(zones), self._labels_of(parameter))

    def _labels_of(self, parameter: DateParameter) -> Labels:
        if parameter.code != _LAST_UPDATED:
            return "exact"
        return self.label_meanings.get(parameter.resource) or self.label_meanings.get("*", "unknown")

    def precision_of(self, parameter: DateParameter) -> Precision | None:
        """Precision of the upstream's values: as configured, else the coarsest that they may have."""
        known = self._known_precision(parameter)
        if known or parameter.kind in ("date", "instant"):
            return known
        return "mixed-year" if _may_be_partial(parameter) else "mixed-day"

    def has_points(self, parameter: DateParameter) -> bool:
        """Whether the element is always a point: by its type, or for a choice of types as configured."""
        if parameter.kind != "range":
            return True
        is_choice = not parameter.paths or any(path.type not in _RANGE_TYPES for path in parameter.paths)
        return is_choice and _entry_for(self.date_precision, parameter, parameter.code) is not None

    def precision_unknown(self, parameter: DateParameter) -> bool:
        """Whether values may be without time, or partial, and `date_precision` has no entry for them."""
        return parameter.kind not in ("date", "instant") and self._known_precision(parameter) is None

    def _known_precision(self, parameter: DateParameter) -> Precision | None:
        """Precision as configured; that of all parameters does not apply to dates that are often partial."""
        if _may_be_partial(parameter):
            return _entry_for(self.date_precision, parameter, parameter.code)
        return _fact_about(self.date_precision, parameter)


def _may_be_partial(parameter: DateParameter) -> bool:
    return (parameter.resource, parameter.code) in MAY_BE_PARTIAL


def _fact_about(table: Mapping[ParameterKey, _Fact], parameter: DateParameter) -> _Fact | None:
    fact = _entry_for(table, parameter, parameter.code)
    return fact if fact is not None else _entry_for(table, parameter, "*")


def _entry_for(table: Mapping[ParameterKey, _Fact], parameter: DateParameter, code: str) -> _Fact | None:
    if not table:
        return None
    fact = table.get((parameter.resource, code))
    return fact if fact is not None else table.get(("*", code))
