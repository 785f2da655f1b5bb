"""Settings of one practice."""

import re
import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from gateway.cache.freshness import excessive_lifetimes
from gateway.dates.instants import InstantOutput, LabelMode
from gateway.dates.support import PeriodSemantics, Precision
from gateway.dates.timezones import load_zone
from gateway.exchange import InactiveRecords
from gateway.http.request_path import GUID_PATTERN
from gateway.settings.base import (
    ByteCount,
    Count,
    IssueNames,
    NotBoolean,
    ParameterKey,
    ParameterPattern,
    RepairSwitches,
    Section,
    TimeZone,
    TypeKey,
)
from gateway.settings.webhooks import TypesByKey


def _check_column_zone(name: str) -> str:
    if name != "site":
        load_zone(name)
    return name


ColumnZone = Annotated[str, AfterValidator(_check_column_zone)]
#: Punctuation in the free texts of a practice, beside letters and digits of any script.
_TEXT_MARKS, _NAME_MARKS = frozenset(" .,:+/()_-"), frozenset(" .,'&()/_-")


def _check_verified_by(text: str) -> str:
    return _require_characters(text, "LN", _TEXT_MARKS, 100)


def _require_characters(text: str, categories: str, marks: frozenset[str], length: int) -> str:
    """Return a text of characters of these Unicode categories and marks. Raises ValueError for any other.

    A pattern with Unicode classes would take pydantic 20 ms to compile, several times.
    """
    if len(text) > length or any(
        unicodedata.category(c)[0] not in categories and c not in marks for c in text
    ):
        shown = " ".join(sorted(marks - {" "}))
        raise ValueError(f"must be at most {length} letters, digits, spaces and {shown}")
    return text


VerifiedBy = Annotated[str, AfterValidator(_check_verified_by)]


class SearchSupport(Section):
    """Search features of one practice's upstream. `halo-gateway probe` measures them."""

    supports_repeated_parameter: bool = Field(
        True, description="Whether a parameter given twice means that both values must match."
    )
    supports_comma_or: bool = Field(
        False, description="Whether a comma-separated list of dates means that any of them matches."
    )
    supports_sa_eb: bool = Field(
        False, description="Whether the upstream understands the prefixes sa and eb."
    )
    period_semantics: PeriodSemantics = Field("unknown", description="How the upstream compares Periods.")
    column_time_zones: dict[ParameterPattern, ColumnZone] = Field(
        {},
        description="Known clock of the column behind `Type.parameter` (also `*.parameter`, `Type.*`, `*.*`):"
        " an IANA time zone, or `site` for the site's own. A column without entry may have the site's time or"
        " UTC: the gateway asks for both and checks each match.",
    )
    date_precision: dict[ParameterPattern, Precision] = Field(
        {},
        description="Known precision of the values behind `Type.parameter` (also `*.parameter`, `Type.*`,"
        " `*.*`). A value without entry may be a date without time. A wildcard for the parameter leaves out"
        " dates that are often partial, and does not exclude Periods.",
    )
    verified_by: VerifiedBy = Field(
        "",
        description="How these settings were found, such as `probe 2026-11-28, engine 3.1`, shown to"
        " operators. Without it, a site counts as never probed.",
    )
    extra_date_parameters: tuple[ParameterKey, ...] = Field(
        (),
        description="Date parameters that the site's CapabilityStatement adds to R4's, as `Type.parameter`.",
    )


class DailyCaps(Section):
    """Daily caps of a practice's level of usage, in the site's zone."""

    queries: Count | None = Field(
        None,
        description="Maximum number of queries per day in the site's zone (Halo's level of usage).",
    )
    bytes: ByteCount | None = Field(
        None, description="Maximum size of all responses per day in the site's zone, in bytes."
    )
    reject_batch: bool = Field(False, description="Whether to reject batch requests once a cap is reached.")


def _check_lifetimes(seconds: dict[str, int]) -> dict[str, int]:
    return _check_limits(seconds, stale=False)


def _check_stale_seconds(seconds: dict[str, int]) -> dict[str, int]:
    return _check_limits(seconds, stale=True)


def _check_limits(seconds: dict[str, int], *, stale: bool) -> dict[str, int]:
    problems = excessive_lifetimes(seconds, stale=stale)
    if problems:
        raise ValueError("; ".join(problems))
    return seconds


SecondsByType = dict[TypeKey, Annotated[int, NotBoolean, Field(ge=0)]]


class SiteCache(Section):
    """How long responses of one practice may be reused."""

    profile: Literal["off", "cautious", "balanced"] | None = Field(
        None, description="Cache profile of this site. Default: cache.profile."
    )
    lifetimes: Annotated[SecondsByType, AfterValidator(_check_lifetimes)] = Field(
        {}, description="Freshness lifetime by resource type or `*`, in seconds."
    )
    stale_if_error: Annotated[SecondsByType, AfterValidator(_check_stale_seconds)] = Field(
        {},
        description="Time beyond its lifetime for which a stored response is served while the practice is"
        " unreachable, by resource type or `*`, in seconds (RFC 5861).",
    )
    stale_while_revalidate: Annotated[SecondsByType, AfterValidator(_check_stale_seconds)] = Field(
        {},
        description="Time beyond its lifetime for which a stored response is served while a new one is"
        " fetched, by resource type or `*`, in seconds (RFC 5861).",
    )


class SiteWebhooks(Section):
    """What Halo's webhooks about one practice change."""

    invalidates: TypesByKey = Field(
        {},
        description="Resource types whose stored responses a webhook invalidates, by the id of a query, its"
        " webhookSource, or `*` for every webhook about the site; what any of them lists counts. `*` as a"
        " type: all of the site.",
    )


class ProbedIssues(Section):
    """What `halo-gateway probe` found about the upstream's known issues."""

    engine: Annotated[str, Field(pattern=r"^[\w.+\-]{0,64}$")] = Field(
        "",
        description="Version of the FHIR engine that was probed. The findings count while the site has it.",
    )
    found_at: AwareDatetime | None = Field(None, description="Time of the probe, with an offset.")
    broken: IssueNames = Field((), description="Ids of the known issues that the probe saw.")
    right: IssueNames = Field((), description="Ids of the known issues that the probe saw to be mended.")


def _check_site_name(name: str) -> str:
    if re.fullmatch(GUID_PATTERN, name, re.IGNORECASE):
        raise ValueError("must not be a GUID, which could be that of another site")
    if name.startswith("-"):
        raise ValueError("must not begin with -, which spreadsheets read as a formula in reports as CSV")
    return _require_characters(name, "LMN", _NAME_MARKS, 60)


SiteName = Annotated[str, AfterValidator(_check_site_name)]


CapabilityName = Annotated[
    str,
    Field(
        pattern=r"^[A-Z][A-Za-z]{1,63}\.((read|vread|search-type|create|update|patch|delete)"
        r"|_revinclude=[A-Z][A-Za-z]{1,63}:[a-z][a-z\-]{0,63})$"
    ),
]


class SiteSettings(Section):
    """One practice; what is not set comes from `sites.default`."""

    name: SiteName = Field(
        "",
        description="Alias for logs and metrics, of no other site. It must hold no patient or practice data.",
    )
    time_zone: TimeZone | None = Field(None, description="IANA time zone of the practice server.")
    repairs: RepairSwitches = Field({}, description="Repairs that are on (true) or off (false), by id.")
    cache: SiteCache = Field(SiteCache(), description="How long responses of the site may be reused.")
    caps: DailyCaps = Field(DailyCaps(), description="Daily caps of the site.")
    webhooks: SiteWebhooks = Field(SiteWebhooks(), description="What Halo's webhooks about the site change.")
    pms_id: str = Field(
        "",
        description="Id of the practice in its own software. It identifies the practice after a relocation.",
    )
    pms_name: str = Field("Best Practice", description="Name of the practice software, as Halo spells it.")
    follow_relocation: bool = Field(
        False, description="Whether to use the new Halo GUID of the same pms_id after a relocation."
    )
    max_response_bytes: ByteCount | None = Field(
        None,
        description="Maximum size of a response, in bytes, where it differs from paging.max_response_bytes.",
    )
    search: SearchSupport = Field(SearchSupport(), description="What the site's upstream supports.")
    known_issues: ProbedIssues = Field(
        ProbedIssues(), description="What the last probe found about known issues."
    )
    last_updated_input: dict[TypeKey, LabelMode] = Field(
        {}, description="How the upstream labels `meta.lastUpdated`, by resource type or `*`."
    )
    inactive_records: InactiveRecords = Field(
        "refuse",
        description="Response to a search for inactive records until the site's engine has shown that it"
        " returns them: 400 (`refuse`), or an empty result that says it is incomplete (`empty`).",
    )
    unlisted_capabilities: tuple[CapabilityName, ...] = Field(
        (),
        description="What the upstream can do although its CapabilityStatement does not list it, as"
        " `Type.interaction` or `Type._revinclude=Source:parameter`. The gateway adds it to `metadata`.",
    )
    last_updated_output: InstantOutput = Field(
        "utc", description="Whether to show `meta.lastUpdated` in UTC or with the site's offset."
    )
