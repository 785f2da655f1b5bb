"""Requests: copies for further upstream requests."""

from math import inf

import pytest
from support.requests import GUID, SITE, fhir_request, json_response, sql_request

from gateway.dates.timezones import load_zone
from gateway.exchange import NO_USE, FhirRequest, SendPermit, Site, UpstreamUse, may_repeat, may_write


def test_time_of_upstream_requests_extends_the_deadline() -> None:
    request = fhir_request("Patient/1", deadline=10.0)
    assert request.after(UpstreamUse(2, 30.0)).deadline == 40.0
    assert request.after(NO_USE) is request
    assert fhir_request("Patient/1").deadline == inf


def test_further_attempt_needs_another_permit() -> None:
    request = fhir_request("Patient/1", send_permit=SendPermit("key", 5.0))
    assert request.with_used_permit().send_permit == SendPermit("key")
    assert fhir_request("Patient/1").with_used_permit().send_permit is None


def test_plan_changes_in_a_copy_only() -> None:
    request = fhir_request("Patient")
    assert request.with_plan(split_searches=()).plan.split_searches == ()
    assert request.plan.split_searches is None


def test_upstream_uses_add_up() -> None:
    assert UpstreamUse(1, 0.5, 1).plus(UpstreamUse(2, 1.0, 2)) == (3, 1.5, 3)
    assert json_response({}).upstream_use == NO_USE


def test_form_that_a_plan_emptied_is_sent_empty() -> None:
    request = fhir_request(
        "Observation/_search",
        "date=ge2024-10-01",
        "POST",
        form="_summary=count",
        body=b"_summary=count",
    )
    changed = request.replace(upstream_search=request.client_search.without_parameters("_summary"))
    assert (request.upstream_body, changed.upstream_body) == (b"_summary=count", b"")


def test_body_that_is_no_form_is_unchanged() -> None:
    request = fhir_request("Patient", "_format=json", "POST", body=b"{}")
    changed = request.replace(upstream_search=request.client_search.without_parameters("_format"))
    assert changed.upstream_body == b"{}"


@pytest.mark.parametrize(
    ("request_", "writes", "repeats"),
    [
        (sql_request(), True, False),
        (sql_request(body=b'{"command":{"type":"text","text":"SELECT 1"}}'), False, False),
        (sql_request("status"), False, False),
        (sql_request(GUID, "GET"), False, True),
        (sql_request(f"registered/{GUID}", "DELETE"), True, False),
        (fhir_request("Patient/_search", method="POST"), False, True),
    ],
)
def test_sql_by_post_is_not_repeated_even_if_it_reads(
    request_: FhirRequest, writes: bool, repeats: bool
) -> None:
    assert (may_write(request_), may_repeat(request_)) == (writes, repeats)


def test_only_a_submission_asks_the_site() -> None:
    assert sql_request().asked_site is SITE
    assert sql_request(GUID, "GET").asked_site is None


def test_mounted_upstream_is_a_site_that_is_no_practice() -> None:
    assert fhir_request(site=Site("labs", load_zone("UTC"), is_mount=True)).is_mounted
    assert not fhir_request(site=SITE).is_mounted
    assert not fhir_request(site=None).is_mounted
