from datetime import UTC, datetime

import pytest
from support.requests import GUID, NOW, SITE, fhir_request, json_response

from gateway.errors import catalog
from gateway.errors.failure import Failure, FailureKind
from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.interaction import NOT_FHIR
from gateway.ledger.cost import (
    Attribution,
    CostClass,
    LedgerKey,
    cost_of_failure,
    cost_of_response,
    is_billable,
    saving_of_failure,
    saving_of_response,
)
from gateway.upstreams import failures as shared
from gateway.upstreams import halo_failures

SEARCH = fhir_request("Patient", "family=Zzyzx")
READ = fhir_request("Patient/1")
METADATA = fhir_request("metadata")
ANSWER = json_response({"resourceType": "Patient"})


def other(path: str) -> FhirRequest:
    return FhirRequest("POST", NOT_FHIR, path, "https://gw.example", "https://api.haloconnect.io")


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
    assert is_billable(request_) is paid
    assert cost_of_response(request_, ANSWER) is (CostClass.BILLED if paid else CostClass.FREE)


def test_whether_a_304_of_the_upstream_is_charged_is_not_known() -> None:
    assert cost_of_response(READ, FhirResponse(304)) is CostClass.MAYBE_BILLED


@pytest.mark.parametrize(
    ("kind", "cost"),
    [
        (catalog.UPSTREAM_CONNECT, CostClass.FREE),
        (catalog.UPSTREAM_CERTIFICATE, CostClass.FREE),
        (catalog.PROXY_REFUSED, CostClass.FREE),
        (catalog.PROXY_UNAVAILABLE, CostClass.FREE),
        (catalog.UPSTREAM_RESET, CostClass.MAYBE_BILLED),
        (catalog.UPSTREAM_TIMEOUT, CostClass.MAYBE_BILLED),
        (catalog.WRITE_OUTCOME_UNKNOWN, CostClass.MAYBE_BILLED),
        (catalog.RESPONSE_TOO_LARGE, CostClass.BILLED),
        (halo_failures.OFFLINE, CostClass.FREE),
        (halo_failures.UNREACHABLE, CostClass.FREE),
        (halo_failures.DATABASE_DOWN, CostClass.FREE),
        (halo_failures.QUERY_TIMEOUT, CostClass.MAYBE_BILLED),
        (halo_failures.CONNECTION_LOST, CostClass.MAYBE_BILLED),
        (halo_failures.RESULT_TOO_LARGE, CostClass.BILLED),
        (shared.TIMEOUT, CostClass.MAYBE_BILLED),
        (shared.NOT_FOUND, CostClass.BILLED),
        (shared.BAD_REQUEST, CostClass.MAYBE_BILLED),
        (shared.CONFLICT, CostClass.BILLED),
        (shared.CREDENTIALS_INVALID, CostClass.FREE),
        (shared.RATE_LIMITED, CostClass.FREE),
    ],
)
def test_a_failure_costs_what_its_kind_says(kind: FailureKind, cost: CostClass) -> None:
    assert cost_of_failure(READ, Failure(kind)) is cost
    assert cost_of_failure(METADATA, Failure(kind)) is CostClass.FREE


@pytest.mark.parametrize(
    ("response", "asked", "cost"),
    [
        (said("gw; hit; ttl=12"), False, CostClass.HIT),
        (said("gw;hit"), False, CostClass.HIT),
        (said("gw; hit; ttl=-3; detail=stale"), True, CostClass.HIT),
        (said("gw; hit; ttl=12", 304), False, CostClass.REVALIDATED),
        (said("gw; fwd=uri-miss; collapsed"), False, CostClass.COLLAPSED),
        (said("gw; fwd=uri-miss; fwd-status=200; stored"), True, None),
        (said("gw; fwd=stale; fwd-status=304"), True, None),
        (ANSWER, True, None),
        (FhirResponse(304), False, CostClass.REVALIDATED),
        (FhirResponse(304), True, None),
        (ANSWER, False, CostClass.EMPTY),
        (FhirResponse(400), False, CostClass.FREE),
    ],
)
def test_what_a_search_saved_is_told_by_cache_status_and_by_whether_anything_was_asked(
    response: FhirResponse, asked: bool, cost: CostClass | None
) -> None:
    assert saving_of_response(SEARCH, response, has_upstream_request=asked) is cost


def test_only_a_search_can_be_provably_empty() -> None:
    assert saving_of_response(METADATA, ANSWER, has_upstream_request=False) is CostClass.FREE
    assert (
        saving_of_response(fhir_request("Patient/1/$summary"), ANSWER, has_upstream_request=False)
        is CostClass.FREE
    )


ABSENT = FailureKind("not-cached", 504, "not-found", "Nothing is kept.", may_have_run=False)
RECEIVED = Failure(shared.NOT_FOUND, upstream_response=FhirResponse(404))


@pytest.mark.parametrize(
    ("failure", "asked", "cost"),
    [
        (Failure(catalog.UPSTREAM_TIMEOUT), True, None),
        (RECEIVED, True, None),
        (RECEIVED, False, CostClass.COLLAPSED),
        (Failure(catalog.UPSTREAM_TIMEOUT), False, CostClass.COLLAPSED),
        (Failure(shared.NOT_FOUND, headers=(("cache-status", "gw; hit"),)), False, CostClass.HIT),
        (Failure(halo_failures.OFFLINE), False, CostClass.PAUSED),
        (Failure(shared.RATE_LIMITED), False, CostClass.PAUSED),
        (Failure(catalog.GATEWAY_OVERLOADED), False, CostClass.FREE),
        (Failure(catalog.DATE_SYNTAX), False, CostClass.FREE),
        (Failure(catalog.GATEWAY_ERROR), False, CostClass.FREE),
        (Failure(ABSENT), False, CostClass.FREE),
    ],
)
def test_a_failure_without_asking_is_shared_or_paused_or_refused_here(
    failure: Failure, asked: bool, cost: CostClass | None
) -> None:
    assert saving_of_failure(failure, has_upstream_request=asked) is cost


def test_the_day_is_the_sites_own() -> None:
    subject = Attribution(GUID, "harbour", SITE.zone, "c0ffee00", "Patient", "read")
    late = datetime(2026, 7, 1, 13, 59, 59, tzinfo=UTC)
    assert subject.ledger_key(CostClass.HIT, late) == LedgerKey(
        "2026-07-01", GUID, "c0ffee00", "Patient", "read", CostClass.HIT
    )
    assert subject.ledger_key(CostClass.HIT, late.replace(hour=14)).day == "2026-07-02"
    assert subject.ledger_key(CostClass.HIT, NOW).day == "2026-07-01"
