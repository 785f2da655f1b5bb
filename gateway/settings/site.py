"""Settings of one practice."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gateway.cache.freshness import excessive_lifetimes
from gateway.dates.instants import InstantOutput, LabelMode
from gateway.dates.support import PeriodSemantics, Precision
from gateway.exchange import InactiveRecords
from gateway.settings.base import NotBoolean, ParameterKey, RepairSwitches, Section, TimeZone, TypeKey


class SearchSupport(Section):
    """What is known of one practice's upstream; `halo-gateway probe` finds it out. Defaults are cautious."""

    repeats: bool = Field(True, description="a parameter given twice means both")
    comma: bool = Field(False, description="a comma list of dates means any of them")
    sa_eb: bool = Field(False, description="the prefixes sa and eb are understood")
    period: PeriodSemantics = Field("unknown", description="how Periods are compared")
    columns: dict[ParameterKey, TimeZone] = Field(
        {}, description="zone of the column behind `Type.parameter`, where it is not the site's"
    )
    precision: dict[ParameterKey, Precision] = Field(
        {}, description="how exact the values behind `Type.parameter` are"
    )
    dates: tuple[ParameterKey, ...] = Field(
        (), description="date parameters that the site's CapabilityStatement adds to R4's"
    )


class DailyCaps(Section):
    """What a practice's level of usage allows a day, in the site's zone."""

    queries: int | None = Field(None, gt=0, description="queries a day that Halo's level of usage allows")
    bytes: int | None = Field(None, gt=0, description="bytes of answers a day that it allows")
    stop_batch: bool = Field(False, description="refuse batch work once a cap is used up")


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
    """How long answers of one practice may be reused."""

    profile: Literal["off", "cautious", "balanced"] | None = Field(
        None, description="instead of cache.profile"
    )
    lifetimes: Annotated[SecondsByType, AfterValidator(_check_lifetimes)] = Field(
        {}, description="seconds by resource type or `*`"
    )
    stale: Annotated[SecondsByType, AfterValidator(_check_stale_seconds)] = Field(
        {}, description="seconds beyond its lifetime that an answer is served while the practice is away"
    )
    revalidate: Annotated[SecondsByType, AfterValidator(_check_stale_seconds)] = Field(
        {}, description="seconds beyond its lifetime that an answer is served while a new one is fetched"
    )


class SiteSettings(Section):
    """One practice; what is not set comes from `sites.default`."""

    name: str = Field("", description="an alias for logs and metrics; no patient or practice data")
    time_zone: TimeZone | None = Field(None, description="IANA name of the practice server's zone")
    repairs: RepairSwitches = Field({}, description="repairs on (true) or off (false), by id")
    cache: SiteCache = Field(SiteCache(), description="how long its answers may be reused")
    caps: DailyCaps = Field(DailyCaps(), description="its daily caps")
    pms_id: str = Field("", description="the practice software's own id of it; finds it again after a move")
    pms_name: str = Field("Best Practice", description="the practice software, as Halo names it")
    follow: bool = Field(False, description="go on with the new Halo GUID of the same pms_id after a move")
    size_limit: int | None = Field(None, gt=0, description="bytes of its answers, where they differ")
    search: SearchSupport = Field(SearchSupport(), description="what is known of its upstream")
    last_updated: dict[TypeKey, LabelMode] = Field(
        {}, description="how `meta.lastUpdated` of a resource type (or `*`) is labelled upstream"
    )
    inactive: InactiveRecords = Field(
        "refuse",
        description="what a search for inactive records gets, which the upstream never returns: 400, or an"
        " empty result that says it is incomplete",
    )
    show_times: InstantOutput = Field(
        "utc", description="show `meta.lastUpdated` in UTC or with the site's offset"
    )
