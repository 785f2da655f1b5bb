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
)


@pytest.mark.parametrize(
    ("status", "text", "spared"),
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
def test_a_decision_in_the_words_of_rfc_9211(status: CacheStatus, text: str, spared: str) -> None:
    assert status.header_value == text
    assert upstream_query_saved_by(text) == spared


def test_a_shared_failure_is_told_to_each_in_words_of_its_own() -> None:
    one = Failure(
        UPSTREAM_TIMEOUT, diagnostics="d", headers=(("allow", "GET"),), upstream_response=FhirResponse(504)
    )
    told = with_cache_status(one, CacheStatus("stale", status=504), age=2)
    assert (told.kind, told.diagnostics, told.retry_after) == (one.kind, "d", one.retry_after)
    assert told.headers[0] == ("allow", "GET")
    assert dict(told.headers)["age"] == "2"
    assert told.upstream_response is not None
    assert told.upstream_response.header("cache-status") == dict(told.headers)["cache-status"]
    assert one.headers == (("allow", "GET"),)


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
def test_what_the_gateway_itself_refuses_was_not_forwarded(failure: Failure, text: str) -> None:
    assert forward_status(failure, "stale", collapsed=True).header_value == text


@pytest.mark.parametrize(
    ("status", "answered", "became"),
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
def test_what_became_of_a_request_is_one_word(status: CacheStatus, answered: int, became: str) -> None:
    assert cache_outcome(status.header_value, answered) == became


@pytest.mark.parametrize("field", ["", "other-cache"])
def test_of_what_the_cache_did_not_see_there_is_none(field: str) -> None:
    assert cache_outcome(field, 200) == ""
