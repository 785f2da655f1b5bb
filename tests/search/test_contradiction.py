"""Matches that contradict the conditions sent: ignored criteria, wrong clocks, dates that are not shown."""

from dataclasses import replace
from typing import Any

import pytest
from search.test_merge import entry, page
from support.date_facts import PROBED
from support.requests import SITE, fhir_request

from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import load_zone
from gateway.errors.failure import Failure
from gateway.exchange import START, FhirRequest, Site
from gateway.repairs.search_date_format import rewrite_dates
from gateway.search.contradiction import Contradiction, find_contradiction, require_shown_dates
from gateway.search.merge import MergedSearch

UNPROBED = replace(SITE, date_support=DateSearchSupport())
DAY = "date=2026-04-20"


def appointments(*starts: str | None) -> Any:
    texts = [{} if start is None else {"start": start} for start in starts]
    return page(
        [entry(str(n), type="Appointment", **text) for n, text in enumerate(texts)], total=len(starts)
    )


def planned(query: str, resource_type: str = "Appointment", site: Site = SITE) -> FhirRequest:
    return rewrite_dates(fhir_request(resource_type, query, site=site))


def contradiction_of(request: FhirRequest, *starts: str | None) -> Contradiction | None:
    bundle = appointments(*starts).with_parsed_bundle().bundle
    return find_contradiction(request, request.upstream_search, bundle)


@pytest.mark.parametrize(
    ("starts", "is_shifted"),
    [
        (["2026-04-20T10:00:00+10:00", "2026-04-20T23:59:59+10:00"], None),
        ([None], None),
        (["2026-04-20T10:00:00+10:00", "2027-01-01T00:00:00Z"], False),
        (["2026-04-20T10:00:00+10:00", "2026-04-23T10:00:00+10:00"], False),
        (["2026-04-20T10:00:00+10:00", "2026-04-21T09:59:59+10:00"], True),
        (["2026-04-19T14:00:00+10:00"], True),
        (["2026-04-21T19:59:59+10:00"], True),
    ],
)
def test_matches_outside_the_window_are_told_apart(
    starts: list[str | None], *, is_shifted: bool | None
) -> None:
    expected = None if is_shifted is None else Contradiction("date", is_shifted)
    assert contradiction_of(planned(DAY), *starts) == expected


def test_unknown_clock_cannot_be_contradicted() -> None:
    assert contradiction_of(planned(DAY, site=UNPROBED), "2027-01-01T00:00:00Z") is None


def test_day_has_no_clock_to_be_wrong() -> None:
    bundle = page([entry("1", type="Patient", birthDate="1970-01-02")]).with_parsed_bundle().bundle
    request = planned("birthdate=1970-01-01", "Patient")
    assert bundle is not None
    assert find_contradiction(request, request.upstream_search, bundle) == Contradiction(
        "birthdate", is_shifted=False
    )


# The column has UTC, the digits shown the site's time: the first pass of 02:15 is shown as the second.
def test_repeated_hour_is_no_contradiction() -> None:
    site = replace(
        SITE,
        date_support=replace(
            PROBED, label_meanings={"*": "digits"}, column_time_zones={("*", "*"): load_zone("UTC")}
        ),
    )
    request = planned(
        "_lastUpdated=ge2026-04-04T15:10:00Z&_lastUpdated=lt2026-04-04T15:20:00Z", "Patient", site
    )
    shown = page([entry("1", type="Patient", meta={"lastUpdated": "2026-04-04T16:15:00Z"})])
    bundle = shown.with_parsed_bundle().bundle
    assert bundle is not None
    assert find_contradiction(request, request.upstream_search, bundle) is None


def test_shifted_matches_fail_and_name_the_probe() -> None:
    with pytest.raises(Failure) as raised:
        MergedSearch(planned(DAY)).add_page(START, appointments("2026-04-21T09:00:00+10:00"))
    assert raised.value.kind.code == "dates-shifted"
    assert "halo-gateway probe" in raised.value.text
    assert raised.value.expression == "http.date"


def test_disproved_criterion_is_filtered_without_total() -> None:
    merged = MergedSearch(planned(DAY)).add_page(
        START, appointments("2026-04-20T10:00:00+10:00", "2027-01-01T00:00:00Z")
    )
    bundle = merged.merged_response().bundle
    assert bundle is not None
    assert (len(bundle.entries), bundle.total) == (1, None)


def test_criterion_that_the_upstream_says_it_ignored_is_not_shifted() -> None:
    starts = ("2026-04-20T10:00:00+10:00", "2026-04-21T09:00:00+10:00")
    entries = [entry(str(n), type="Appointment", start=start) for n, start in enumerate(starts)]
    stated = page(entries, self_url="https://h/Appointment?status=booked")
    bundle = MergedSearch(planned(f"{DAY}&status=booked")).add_page(START, stated).merged_response().bundle
    assert bundle is not None
    assert (len(bundle.entries), bundle.total) == (1, 1)


def test_record_without_the_date_does_not_match_an_ignored_criterion() -> None:
    request = planned(f"{DAY}&status=booked", site=UNPROBED)
    entries = [entry("1", type="Appointment")]
    ignored = page(entries, self_url="https://h/Appointment?status=booked")
    with pytest.raises(Failure):
        MergedSearch(request).add_page(START, page(entries))
    bundle = MergedSearch(request).add_page(START, ignored).merged_response().bundle
    assert bundle is not None
    assert (bundle.entries, bundle.total) == ((), 0)


def test_unprobed_site_shows_and_counts_the_window() -> None:
    request = planned(DAY, site=UNPROBED)
    assert request.upstream_search.values("date") == ("ge2026-04-19T14:00:00", "lt2026-04-21T00:00:00")
    merged = MergedSearch(request).add_page(
        START, appointments("2026-04-19T23:00:00+10:00", "2026-04-20T10:00:00+10:00")
    )
    bundle = merged.merged_response().bundle
    assert bundle is not None
    assert (len(bundle.entries), bundle.total) == (1, 1)


def test_date_that_no_match_shows_cannot_be_checked() -> None:
    request, hidden = planned(DAY, site=UNPROBED), appointments(None, None).with_parsed_bundle().bundle
    assert hidden is not None
    with pytest.raises(Failure) as raised:
        require_shown_dates(request.plan.date_plans, request.upstream_search, hidden.entries)
    assert raised.value.kind.code == "dates-not-shown"
    require_shown_dates(request.plan.date_plans, request.upstream_search, ())
    require_shown_dates(planned(DAY).plan.date_plans, request.upstream_search, hidden.entries)
