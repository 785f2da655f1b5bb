"""Cost classes."""

from datetime import UTC, datetime

import pytest
from support.requests import GUID, NOW, SITE, fhir_request, json_response

from gateway.errors import catalog
from gateway.errors.failure import Failure, FailureKind
from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.interaction import NOT_FHIR
from gateway.ledger.cost import (
    BILLABLE_CLASSES,
    SAVED_CLASSES,
    Attribution,
    CostClass,
    LedgerKey,
    cost_before_response,
    cost_of_failure,
    cost_of_response,
    is_billable,
    saving_of_failure,
    saving_of_response,
)
from gateway.sql.interaction import sql_interaction
from gateway.upstreams import failures as shared
from gateway.upstreams import halo_failures, halo_itsm

SEARCH = fhir_request("Patient", "family=Zzyzx")
READ = fhir_request("Patient/1")
METADATA = fhir_request("metadata")
RESPONSE = json_response({"resourceType": "Patient"})


def passthrough_request(path: str, method: str = "POST") -> FhirRequest:
    is_sql = "queries" in path.split("/")
    interaction, site = (sql_interaction(method, path), SITE) if is_sql else (NOT_FHIR, None)
    return FhirRequest(
        method, interaction, path, "https://gw.example", "https://api.haloconnect.io", site=site
    )


QUERIES = f"integrator/sites/{GUID}/queries"
POLL = passthrough_request(f"{QUERIES}/{GUID}", "GET")
SUBMISSION = passthrough_request(f"{QUERIES}/immediate")


def cache_response(cache_status: str, status: int = 200) -> FhirResponse:
    return json_response({}, status, cache_status=cache_status)


@pytest.mark.parametrize(
    ("request_", "billable"),
    [
        (SEARCH, True),
        (READ, True),
        (fhir_request("Patient", method="POST"), True),
        (METADATA, False),
        (SUBMISSION, True),
        (passthrough_request(f"desktop/sites/{GUID}/queries/immediate"), True),
        (passthrough_request(f"{QUERIES}/async"), True),
        (passthrough_request(f"{QUERIES}/registered"), True),
        (passthrough_request(f"integrator/sites/{GUID}"), False),
        (passthrough_request("integrator/sites"), False),
        (passthrough_request("integrator/token"), False),
        (passthrough_request("integrator/pair-site"), False),
    ],
)
def test_only_requests_to_the_practices_database_are_billable(request_: FhirRequest, billable: bool) -> None:
    assert is_billable(request_) is billable
    assert cost_of_response(request_, RESPONSE) is (CostClass.BILLED if billable else CostClass.FREE)


def test_304_of_the_upstream_is_maybe_billed() -> None:
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
        (halo_itsm.CONFLICT, CostClass.BILLED),
        (shared.CREDENTIALS_INVALID, CostClass.FREE),
        (shared.RATE_LIMITED, CostClass.FREE),
    ],
)
def test_failure_kind_determines_the_cost(kind: FailureKind, cost: CostClass) -> None:
    assert cost_of_failure(READ, Failure(kind)) is cost
    assert cost_of_failure(METADATA, Failure(kind)) is CostClass.FREE


@pytest.mark.parametrize(
    ("response", "has_upstream_request", "cost"),
    [
        (cache_response("gw; hit; ttl=12"), False, CostClass.HIT),
        (cache_response("gw;hit"), False, CostClass.HIT),
        (cache_response("gw; hit; ttl=-3; detail=stale"), True, CostClass.HIT),
        (cache_response("gw; hit; ttl=12", 304), False, CostClass.REVALIDATED),
        (cache_response("gw; fwd=uri-miss; collapsed"), False, CostClass.COLLAPSED),
        (cache_response("gw; fwd=uri-miss; fwd-status=200; stored"), True, None),
        (cache_response("gw; fwd=stale; fwd-status=304"), True, None),
        (RESPONSE, True, None),
        (FhirResponse(304), False, CostClass.REVALIDATED),
        (FhirResponse(304), True, None),
        (RESPONSE, False, CostClass.EMPTY),
        (FhirResponse(400), False, CostClass.FREE),
    ],
)
def test_saving_follows_cache_status_and_upstream_request(
    response: FhirResponse, has_upstream_request: bool, cost: CostClass | None
) -> None:
    assert saving_of_response(SEARCH, response, has_upstream_request=has_upstream_request) is cost


def test_only_a_search_can_be_provably_empty() -> None:
    operation = fhir_request("Patient/1/$summary")
    assert saving_of_response(METADATA, RESPONSE, has_upstream_request=False) is CostClass.FREE
    assert saving_of_response(operation, RESPONSE, has_upstream_request=False) is CostClass.FREE


NOT_STORED = FailureKind("not-cached", 504, "not-found", "No stored response.", may_have_run=False)
NOT_FOUND = Failure(shared.NOT_FOUND, upstream_response=FhirResponse(404))


@pytest.mark.parametrize(
    ("failure", "has_upstream_request", "cost"),
    [
        (Failure(catalog.UPSTREAM_TIMEOUT), True, None),
        (NOT_FOUND, True, None),
        (NOT_FOUND, False, CostClass.COLLAPSED),
        (Failure(catalog.UPSTREAM_TIMEOUT), False, CostClass.COLLAPSED),
        (Failure(shared.NOT_FOUND, headers=(("cache-status", "gw; hit"),)), False, CostClass.HIT),
        (Failure(halo_failures.OFFLINE), False, CostClass.PAUSED),
        (Failure(shared.RATE_LIMITED), False, CostClass.PAUSED),
        (Failure(catalog.GATEWAY_OVERLOADED), False, CostClass.FREE),
        (Failure(catalog.DATE_SYNTAX), False, CostClass.FREE),
        (Failure(catalog.GATEWAY_ERROR), False, CostClass.FREE),
        (Failure(NOT_STORED), False, CostClass.FREE),
    ],
)
def test_failure_without_upstream_request_is_collapsed_paused_or_free(
    failure: Failure, has_upstream_request: bool, cost: CostClass | None
) -> None:
    assert saving_of_failure(failure, has_upstream_request=has_upstream_request) is cost


def test_day_is_that_of_the_site() -> None:
    attribution = Attribution(GUID, "harbour", SITE.zone, "c0ffee00", "Patient", "read")
    late = datetime(2026, 7, 1, 13, 59, 59, tzinfo=UTC)
    assert attribution.ledger_key(CostClass.HIT, late) == LedgerKey(
        "2026-07-01", GUID, "c0ffee00", "Patient", "read", CostClass.HIT
    )
    assert attribution.ledger_key(CostClass.HIT, late.replace(hour=14)).day == "2026-07-02"
    assert attribution.ledger_key(CostClass.HIT, NOW).day == "2026-07-01"


@pytest.mark.parametrize(
    "request_",
    [
        POLL,
        passthrough_request(f"{QUERIES}/status"),
        passthrough_request(f"{QUERIES}/{GUID}/results/1", "GET"),
        passthrough_request(f"{QUERIES}/registered/{GUID}", "DELETE"),
    ],
)
def test_halo_cloud_answers_all_but_submissions(request_: FhirRequest) -> None:
    assert not is_billable(request_)
    assert cost_before_response(request_) == cost_of_response(request_, RESPONSE) == CostClass.HALO_CLOUD


def test_failed_poll_counts_if_it_was_sent() -> None:
    assert cost_of_failure(POLL, Failure(shared.NOT_FOUND)) == CostClass.HALO_CLOUD
    refused = Failure(shared.CREDENTIALS_INVALID, upstream_response=FhirResponse(401))
    assert cost_of_failure(POLL, refused) == CostClass.HALO_CLOUD
    assert cost_of_failure(POLL, Failure(catalog.UPSTREAM_CONNECT)) == CostClass.FREE
    assert CostClass.HALO_CLOUD not in BILLABLE_CLASSES | SAVED_CLASSES


def test_sql_query_at_an_unknown_site_is_free() -> None:
    assert cost_of_failure(SUBMISSION, Failure(shared.NOT_FOUND)) == CostClass.FREE
    assert cost_of_failure(SUBMISSION, Failure(halo_failures.RESULT_TOO_LARGE)) == CostClass.BILLED
