"""Values and outcomes of the Cache-Status field."""

import pytest

from gateway.errors.catalog import NOT_CACHED, UPSTREAM_TIMEOUT
from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse
from gateway.http.cache_status import (
    CacheStatus,
    cache_outcome,
    forward_status,
    upstream_query_saved_by,
    with_cache_status,
    with_own_cache_status,
)


@pytest.mark.parametrize(
    ("status", "text", "saved_by"),
    [
        (CacheStatus(ttl=3), "halo-gateway; hit; ttl=3", "hit"),
        (
            CacheStatus(ttl=-3, detail="practice-away"),
            "halo-gateway; hit; ttl=-3; detail=practice-away",
            "hit",
        ),
        (
            CacheStatus("uri-miss", status=200, stored=True, collapsed=True),
            "halo-gateway; fwd=uri-miss; fwd-status=200; stored; collapsed",
            "collapsed",
        ),
        (CacheStatus("bypass"), "halo-gateway; fwd=bypass", ""),
        (CacheStatus("", detail="empty"), "halo-gateway; detail=empty", ""),
    ],
)
def test_decision_has_its_rfc_9211_value(status: CacheStatus, text: str, saved_by: str) -> None:
    assert status.header_value == text
    assert upstream_query_saved_by(text) == saved_by


def test_shared_failure_is_copied_with_cache_status_and_age() -> None:
    shared = Failure(
        UPSTREAM_TIMEOUT, diagnostics="d", headers=(("allow", "GET"),), upstream_response=FhirResponse(504)
    )
    copy = with_cache_status(shared, CacheStatus("stale", status=504), age=2)
    assert (copy.kind, copy.diagnostics, copy.retry_after) == (shared.kind, "d", shared.retry_after)
    assert copy.headers[0] == ("allow", "GET")
    assert dict(copy.headers)["age"] == "2"
    assert copy.upstream_response is not None
    assert copy.upstream_response.header("cache-status") == dict(copy.headers)["cache-status"]
    assert shared.headers == (("allow", "GET"),)


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (Failure(NOT_CACHED), "halo-gateway; detail=not-cached"),
        (Failure(UPSTREAM_TIMEOUT), "halo-gateway; fwd=stale; collapsed"),
        (
            Failure(NOT_CACHED, upstream_response=FhirResponse(401)),
            "halo-gateway; fwd=stale; fwd-status=401; collapsed",
        ),
    ],
)
def test_failure_is_forwarded_unless_the_gateway_rejected_it(failure: Failure, text: str) -> None:
    assert forward_status(failure, "stale", collapsed=True).header_value == text


@pytest.mark.parametrize(
    ("status", "http_status", "outcome"),
    [
        (CacheStatus(ttl=3), 200, "hit"),
        (CacheStatus(ttl=3), 304, "revalidated"),
        (CacheStatus(ttl=-3, detail="practice-away"), 200, "stale"),
        (CacheStatus(ttl=-3, detail="revalidating"), 200, "stale"),
        (CacheStatus("uri-miss", status=200, stored=True), 200, "miss"),
        (CacheStatus("uri-miss", status=200, stored=True), 304, "miss"),
        (CacheStatus("stale", status=200, stored=True, collapsed=True), 200, "collapsed"),
        (CacheStatus("uri-miss", status=200), 200, "not-stored"),
        (CacheStatus("request"), 504, "not-stored"),
        (CacheStatus("method", status=201), 201, "write"),
        (CacheStatus("bypass", status=200), 200, "bypass"),
    ],
)
def test_cache_status_gives_the_outcome(status: CacheStatus, http_status: int, outcome: str) -> None:
    assert cache_outcome(status.header_value, http_status) == outcome


@pytest.mark.parametrize("field", ["", "other-cache"])
def test_field_without_cache_decision_has_no_outcome(field: str) -> None:
    assert cache_outcome(field, 200) == ""


def test_own_status_replaces_the_fields_of_other_caches() -> None:
    headers = (("age", "3"), ("etag", '"1"'), ("cache-status", "upstream; hit"), ("vary", "accept"))
    response = with_own_cache_status(FhirResponse(200, headers), CacheStatus("bypass", status=200))
    assert response.headers == (("etag", '"1"'), ("cache-status", "halo-gateway; fwd=bypass; fwd-status=200"))
