from datetime import UTC, datetime

import pytest
from support.requests import GUID, NOW, SITE, fhir_request, json_response

from gateway.errors import catalog
from gateway.errors.failure import Failure, Kind
from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.interaction import OTHER
from gateway.ledger.cost import (
    Cost,
    Line,
    Subject,
    after_answer,
    after_failure,
    avoided,
    avoided_failure,
    chargeable,
)
from gateway.upstreams import failures as shared
from gateway.upstreams import halo_failures

SEARCH = fhir_request("Patient", "family=Zzyzx")
READ = fhir_request("Patient/1")
METADATA = fhir_request("metadata")
ANSWER = json_response({"resourceType": "Patient"})


def other(path: str) -> FhirRequest:
    return FhirRequest("POST", OTHER, path, "https://gw.example", "https://api.haloconnect.io")


def said(cache_status: str, status: int = 200) -> FhirResponse:
    return json_response({}, status, cache_status=cache_status)


@pytest.mark.parametrize(
    ("request_", "paid"),
    [
        (SEARCH, True),
        (READ, True),
        (fhir_request("Patient", method="POST"), True),
        (METADATA, False),
        (other(f"integrator/sites/{GUID}/queries/immediate"), True),
        (other(f"desktop/sites/{GUID}/queries/immediate"), True),
        (other(f"integrator/sites/{GUID}"), False),
        (other("integrator/sites"), False),
        (other("integrator/token"), False),
        (other("integrator/pair-site"), False),
    ],
)
def test_only_what_takes_the_practices_database_can_cost(request_: FhirRequest, paid: bool) -> None:
    assert chargeable(request_) is paid
    assert after_answer(request_, ANSWER) is (Cost.BILLED if paid else Cost.FREE)


def test_whether_a_304_of_the_upstream_is_charged_is_not_known() -> None:
    assert after_answer(READ, FhirResponse(304)) is Cost.MAYBE_BILLED


@pytest.mark.parametrize(
    ("kind", "cost"),
    [
        (catalog.UPSTREAM_CONNECT, Cost.FREE),
        (catalog.UPSTREAM_CERTIFICATE, Cost.FREE),
        (catalog.PROXY_REFUSED, Cost.FREE),
        (catalog.PROXY_UNAVAILABLE, Cost.FREE),
        (catalog.UPSTREAM_RESET, Cost.MAYBE_BILLED),
        (catalog.UPSTREAM_TIMEOUT, Cost.MAYBE_BILLED),
        (catalog.WRITE_UNKNOWN, Cost.MAYBE_BILLED),
        (catalog.ANSWER_TOO_LARGE, Cost.BILLED),
        (halo_failures.OFFLINE, Cost.FREE),
        (halo_failures.UNREACHABLE, Cost.FREE),
        (halo_failures.DATABASE_DOWN, Cost.FREE),
        (halo_failures.QUERY_TIMEOUT, Cost.MAYBE_BILLED),
        (halo_failures.CONNECTION_LOST, Cost.MAYBE_BILLED),
        (halo_failures.RESULT_TOO_LARGE, Cost.BILLED),
        (shared.TIMEOUT, Cost.MAYBE_BILLED),
        (shared.NOT_FOUND, Cost.BILLED),
        (shared.BAD_REQUEST, Cost.MAYBE_BILLED),
        (shared.CONFLICT, Cost.BILLED),
        (shared.CREDENTIALS, Cost.FREE),
        (shared.RATE_LIMITED, Cost.FREE),
    ],
)
def test_a_failure_costs_what_its_kind_says(kind: Kind, cost: Cost) -> None:
    assert after_failure(READ, Failure(kind)) is cost
    assert after_failure(METADATA, Failure(kind)) is Cost.FREE


@pytest.mark.parametrize(
    ("response", "asked", "cost"),
    [
        (said("gw; hit; ttl=12"), False, Cost.HIT),
        (said("gw;hit"), False, Cost.HIT),
        (said("gw; hit; ttl=-3; detail=stale"), True, Cost.HIT),
        (said("gw; hit; ttl=12", 304), False, Cost.REVALIDATED),
        (said("gw; fwd=uri-miss; collapsed"), False, Cost.COLLAPSED),
        (said("gw; fwd=uri-miss; fwd-status=200; stored"), True, None),
        (said("gw; fwd=stale; fwd-status=304"), True, None),
        (ANSWER, True, None),
        (FhirResponse(304), False, Cost.REVALIDATED),
        (FhirResponse(304), True, None),
        (ANSWER, False, Cost.EMPTY),
        (FhirResponse(400), False, Cost.FREE),
    ],
)
def test_what_a_search_saved_is_told_by_cache_status_and_by_whether_anything_was_asked(
    response: FhirResponse, asked: bool, cost: Cost | None
) -> None:
    assert avoided(SEARCH, response, asked=asked) is cost


def test_only_a_search_can_be_provably_empty() -> None:
    assert avoided(METADATA, ANSWER, asked=False) is Cost.FREE
    assert avoided(fhir_request("Patient/1/$summary"), ANSWER, asked=False) is Cost.FREE


ABSENT = Kind("not-cached", 504, "not-found", "Nothing is kept.", sent=False)
RECEIVED = Failure(shared.NOT_FOUND, received=FhirResponse(404))


@pytest.mark.parametrize(
    ("failure", "asked", "cost"),
    [
        (Failure(catalog.UPSTREAM_TIMEOUT), True, None),
        (RECEIVED, True, None),
        (RECEIVED, False, Cost.COLLAPSED),
        (Failure(catalog.UPSTREAM_TIMEOUT), False, Cost.COLLAPSED),
        (Failure(shared.NOT_FOUND, headers=(("cache-status", "gw; hit"),)), False, Cost.HIT),
        (Failure(halo_failures.OFFLINE), False, Cost.PAUSED),
        (Failure(shared.RATE_LIMITED), False, Cost.PAUSED),
        (Failure(catalog.OVERLOADED), False, Cost.FREE),
        (Failure(catalog.DATE_SYNTAX), False, Cost.FREE),
        (Failure(catalog.GATEWAY_ERROR), False, Cost.FREE),
        (Failure(ABSENT), False, Cost.FREE),
    ],
)
def test_a_failure_without_asking_is_shared_or_paused_or_refused_here(
    failure: Failure, asked: bool, cost: Cost | None
) -> None:
    assert avoided_failure(failure, asked=asked) is cost


def test_the_day_is_the_sites_own() -> None:
    subject = Subject(GUID, "harbour", SITE.zone, "c0ffee00", "Patient", "read")
    late = datetime(2026, 7, 1, 13, 59, 59, tzinfo=UTC)
    assert subject.line(Cost.HIT, late) == Line("2026-07-01", GUID, "c0ffee00", "Patient", "read", Cost.HIT)
    assert subject.line(Cost.HIT, late.replace(hour=14)).day == "2026-07-02"
    assert subject.line(Cost.HIT, NOW).day == "2026-07-01"
