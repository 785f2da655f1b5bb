"""Models of an upstream: the emulator's variants, and what a gateway may know of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from conftest import settings_for
from oracle.parameters import PARAMETERS

from gateway.emulator.settings import DOCUMENTED_FAULTS, EmulatorSettings, Variants
from gateway.emulator.sites import SITES
from gateway.settings import SearchSupport, Settings
from gateway.settings.admin import Admin

ADMIN_TOKEN: Final = "6b1f0c9a52d84e37a0f3b6c1d7e85924" * 2  # a test's own

#: Dates without a time, as practices record them, and a few that patients half remember.
DAY_ONLY: Final = {
    "AllergyIntolerance.recordedDate": "day",
    "Observation.effectiveDateTime": "mixed",
    "Condition.recordedDate": "mixed",
    "Immunization.occurrenceDateTime": "day",
    "Encounter.period": "day",
    "MedicationStatement.effectivePeriod": "mixed",
}
UTC_COLUMNS: Final = {
    "*._lastUpdated": "utc",
    "Appointment.date": "utc",
    "Observation.date": "utc",
    "Encounter.date": "utc",
    "AllergyIntolerance.date": "utc",
}
WRONG_LABELS: Final = {
    "Patient": "local-labelled-utc",
    "Appointment": "utc-labelled-local",
    "Observation": "fixed-standard-offset",
    "Condition": "local-labelled-utc",
    "Encounter": "utc-labelled-local",
    "Slot": "fixed-standard-offset",
}
#: A server with strict tokens has the includes in them: its links and `self` lose nothing.
WHOLE_LINKS: Final = {"link-include-params": False}
#: Dates that these practices store as years, too.
_YEARS: Final = {"Condition.recorded-date": "mixed-year", "Observation.date": "mixed-year"}
R4_DATES: Final = {"date_model": "r4-a", "period_model": "r4"}
_FRACTIONS: Final = frozenset({"Observation.date"} | {f"{kind}._lastUpdated" for kind in PARAMETERS})


@dataclass(frozen=True)
class Model:
    """An upstream. `permits`: what else than R4's answer is right, because the upstream gives less.

    `refusal`: any error; `warning`: an answer with a warning; `superset`: with a warning, also the matches
    without the criteria in `dropped`; `bare`: without one if all criteria are dropped, since a `self` without
    parameters says nothing; `total`: one of several pages, or a count, repeats a wrong total, which no page
    alone can show; `count`: a count has no entries, and so no warning; `includes`: includes are lost with
    page links whose `self` shows nothing.
    """

    name: str
    variants: Mapping[str, Any] = field(default_factory=dict)
    stored_precision: Mapping[str, Any] = field(default_factory=dict)
    faults: Mapping[str, bool] = field(default_factory=dict)
    permits: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    cache: str = "off"

    def emulator_settings(self) -> EmulatorSettings:
        variants = Variants.model_validate(self.variants)
        return EmulatorSettings(
            patients=40,
            documents=3,
            variants=variants,
            faults=dict(self.faults),
            stored_precision=dict(self.stored_precision),
            keep_requests=200,
        )

    def gateway_settings(self, *, known: bool) -> Settings:
        """Settings with the time zones only, or also with all that a probe of this upstream finds."""
        settings = settings_for("http://emulator")
        sites = {
            guid: site.model_copy(update=self._knowledge(guid) if known else self._assumptions())
            for guid, site in settings.sites.items()
        }
        cache = settings.cache.model_copy(update={"profile": self.cache})
        admin = Admin.model_validate({"token": ADMIN_TOKEN})
        return settings.model_copy(update={"sites": sites, "cache": cache, "admin": admin})

    def _knowledge(self, guid: str) -> dict[str, Any]:
        variants = Variants.model_validate(self.variants)
        if variants.drop_date_filters:
            return self._assumptions()
        support = SearchSupport.model_validate(
            {
                "supports_repeated_parameter": variants.repeats == "and",
                "supports_comma_or": variants.comma == "or" and variants.repeats == "and",
                "supports_sa_eb": variants.sa_eb,
                "period_semantics": variants.period_model,
                "column_time_zones": self._column_zones(guid, variants),
                "date_precision": self._precisions(),
            }
        )
        return {"search": support, "last_updated_input": _labels(variants)}

    def _assumptions(self) -> dict[str, Any]:
        """What the gateway takes for granted (docs/date-search.md): how Periods are compared, and years.

        Only dates that are often partial may be a year or month without a setting.
        """
        is_start = self.variants.get("period_model") == "start-only"
        support = SearchSupport(
            period_semantics="start-only" if is_start else "unknown",
            date_precision=dict(_YEARS) if self.stored_precision else {},
        )
        return {"search": support, "last_updated_input": {}}

    def _column_zones(self, guid: str, variants: Variants) -> dict[str, str]:
        zones = {}
        for kind, code in _date_names():
            is_utc = "utc" in {variants.column_zones.get(f"{owner}.{code}") for owner in (kind, "*")}
            zones[f"{kind}.{code}"] = "UTC" if is_utc else SITES[guid].zone.key
        return zones

    def _precisions(self) -> dict[str, str]:
        names = [f"{kind}.{code}" for kind, code in _date_names()]
        precisions = {name: "frac" if name in _FRACTIONS else "second" for name in names}
        precisions |= {"Immunization.date": "mixed-day", "Condition.onset-date": "mixed-year"}
        if self.stored_precision:
            precisions |= {"AllergyIntolerance.date": "mixed-day", "Observation.date": "mixed-year"}
            precisions |= {"Condition.recorded-date": "mixed-year"}
        periods = {
            "Encounter.date",
            "MedicationStatement.effective",
            "PractitionerRole.date",
            "Schedule.date",
        }
        dates = {"Patient.birthdate"}
        return {name: value for name, value in precisions.items() if name not in periods | dates}


def _date_names() -> list[tuple[str, str]]:
    return [(kind, p.code) for kind, table in PARAMETERS.items() for p in table.values() if p.is_date]


def _labels(variants: Variants) -> dict[str, str]:
    styles = {style: style for style in WRONG_LABELS.values()}
    wrong = {kind: styles[style] for kind, style in variants.last_updated.items() if style in styles}
    return {"*": "ok"} | wrong


def _hostile(name: str, *permits: str, dropped: tuple[str, ...] = (), **variants: Any) -> Model:
    if dropped:
        variants["dropped_parameters"] = list(dropped)
    return Model(name, variants, permits=frozenset(permits), dropped=frozenset(dropped))


_DROPPED: Final = ("*.gender", "*.status", "*.code", "Observation.category", "Appointment.practitioner")

MODELS: Final = (
    Model("naive-sql", {"comma": "refuse", "period_model": "start-only"}),
    Model("reading-a", {**R4_DATES, "paging": "offset", "link_form": "api"}),
    Model("reading-b", {"date_model": "r4-b", "period_model": "overlap", "paging": "page"}),
    Model("utc-columns", {"column_zones": UTC_COLUMNS, "link_form": "desktop", "period_model": "overlap"}),
    Model("wrong-labels", {"last_updated": WRONG_LABELS, "link_form": "root-relative"}),
    Model(
        "utc-columns-wrong-labels",
        {"column_zones": UTC_COLUMNS, "last_updated": WRONG_LABELS, **R4_DATES, "paging": "offset"},
    ),
    Model("day-only", {"period_model": "start-only"}, stored_precision=DAY_ONLY),
    Model("day-only-r4", R4_DATES, stored_precision=DAY_ONLY),
    Model("no-modes", {"search_modes": False, "totals": "absent", "period_model": "overlap"}),
    Model("strict-token", {**R4_DATES, "paging": "strict-token"}, faults=WHOLE_LINKS),
    Model("bare-self", {"self_form": "bare", "paging": "offset"}),
    _hostile("partial-self", "refusal", "superset", self_form="partial", **R4_DATES),
    Model("respelled-self", {"self_form": "respelled"}),
    Model("no-self", {"self_form": "absent", "paging": "page"}),
    Model("constant-etag", {"etags": "constant", **R4_DATES}, cache="balanced"),
    Model("changing-etag", {"etags": "changing"}, cache="balanced"),
    Model("query-only-links", {"link_form": "query-only", "totals": "absent"}),
    Model("path-relative-links", {"link_form": "path-relative", "paging": "offset", **R4_DATES}),
    Model("small-pages", {"max_count": 10, "previous_relation": "prev", "first_and_last": False}),
    Model("no-faults", R4_DATES, faults=dict.fromkeys(DOCUMENTED_FAULTS, False) | {"inactive-records": True}),
    Model("first-of-repeats", {"repeats": "first", "comma": "first", "sa_eb": False}),
    _hostile("drops-dates", "refusal", "includes", drop_date_filters=True),
    _hostile("drops-dates-silently", "refusal", drop_date_filters=True, self_shows_dropped=True),
    _hostile("drops-with-warning", "refusal", "superset", "count", dropped=_DROPPED, self_shows_dropped=True),
    _hostile(
        "drops-without-warning",
        *("refusal", "superset", "bare"),
        dropped=_DROPPED,
        unknown_parameter="ignore-silently",
    ),
    _hostile("excessive-total", "refusal", "warning", "total", totals="excessive", paging="offset"),
    _hostile("page-total", "refusal", "warning", "total", totals="page"),
    _hostile("no-next", "refusal", "warning", next_link="absent"),
    _hostile("next-to-itself", "refusal", "warning", next_link="itself"),
    _hostile("empty-202", "refusal", later_page_status=202),
    _hostile("empty-304", "refusal", later_page_status=304),
    Model(
        "everything",
        {
            "column_zones": UTC_COLUMNS,
            "last_updated": WRONG_LABELS,
            "search_modes": False,
            "self_form": "respelled",
            "paging": "strict-token",
            "totals": "absent",
        },
        stored_precision=DAY_ONLY,
        faults=WHOLE_LINKS,
    ),
)
