from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.requests import json_response

from gateway.cache.stored_response import (
    _UNREACHABLE_CODES,
    StoredResponse,
    decode,
    encode,
    is_unreachable,
    mark_stale,
    stored_failure,
)
from gateway.errors.catalog import (
    PROXY_REFUSED,
    PROXY_UNAVAILABLE,
    UPSTREAM_CERTIFICATE,
    UPSTREAM_CONNECT,
    UPSTREAM_TIMEOUT,
)
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirResponse, Position
from gateway.resilience.circuit import CIRCUIT_OPEN
from gateway.resilience.pause_rules import REQUESTS_PAUSED
from gateway.upstreams.failures import GATEWAY_CREDENTIALS_INVALID, NOT_FOUND
from gateway.upstreams.halo_failures import OFFLINE, QUERY_TIMEOUT, RESULT_LOST, UNREACHABLE
from gateway.web import error_codes

HEADERS = st.lists(st.tuples(st.sampled_from(("etag", "content-type")), st.text(max_size=5)), max_size=3)
POSITIONS = st.dictionaries(
    st.sampled_from(("first", "next")),
    st.builds(Position, st.integers(0, 9), st.text(max_size=9), st.booleans()),
)


@given(
    st.binary(max_size=200).filter(lambda body: b'"Bundle"' not in body),  # a Bundle has tests of its own
    HEADERS,
    st.none() | POSITIONS,
    st.frozensets(st.text(max_size=4), max_size=3),
    st.floats(0, 1e10),
)
def test_nothing_is_lost(
    body: bytes, headers: list[tuple[str, str]], pages: Any, ignored: frozenset[str], born: float
) -> None:
    answer = FhirResponse(
        200, tuple(headers), body, ("link-base-url",), page_positions=pages, ignored_parameters=ignored
    )
    stored = StoredResponse(born, 60, {"all": 3}, 5, 7).with_response(answer)
    again = decode(encode(stored))
    assert again == stored
    assert again is not None
    assert again.response == answer
    assert again.retention_seconds == 67
    assert again.age(born + 9) == pytest.approx(9)


def test_a_page_is_kept_without_the_links_that_each_asking_seals_anew() -> None:
    page = json_response({"resourceType": "Bundle", "link": [{"relation": "self", "url": "x"}], "total": 1})
    kept = StoredResponse(0, 5).with_response(page.replace(page_positions={}))
    assert (kept.links_omitted, kept.body) == (True, b'{"resourceType":"Bundle","total":1}')
    old = mark_stale(page.replace(body=kept.body, page_positions={}, links_omitted=True), "2026")
    assert (old.links_omitted, b"as of 2026" in old.with_encoded_body().body) == (False, True)
    signed = json_response({"resourceType": "Bundle", "link": [], "signature": {}}).replace(page_positions={})
    assert StoredResponse(0, 5).with_response(signed).body == signed.body
    assert StoredResponse(0, 5).with_response(page).body == page.body


def test_a_failure_comes_back_as_it_was() -> None:
    failure = Failure(NOT_FOUND, diagnostics="d", expression="e", issue="deleted", codings=(("s", "c"),))
    stored = decode(encode(StoredResponse(0, 5, failure=stored_failure(failure))))
    assert stored is not None
    same = stored.response
    assert isinstance(same, Failure)
    assert (same.kind, same.text, same.diagnostics) == (NOT_FOUND, failure.text, "d")
    assert (same.expression, same.issue, same.codings) == ("e", "deleted", (("s", "c"),))


@given(st.binary(max_size=50))
def test_what_another_wrote_is_never_more_than_a_stored_response(data: bytes) -> None:
    assert isinstance(decode(data), StoredResponse | None)


WHOLE = encode(StoredResponse(0, 5))


@pytest.mark.parametrize("data", [None, b"", b"{}", b"\x92\xa1a\xa1b", WHOLE[:-1], WHOLE + b"x"])
def test_what_is_no_stored_response_is_none(data: bytes | None) -> None:
    assert decode(data) is None


RESTING_AWAY = Failure(CIRCUIT_OPEN, codings=((ERROR_CODE_SYSTEM, OFFLINE.code),))
RESTING_SLOW = Failure(CIRCUIT_OPEN, codings=((ERROR_CODE_SYSTEM, QUERY_TIMEOUT.code),))
QUOTA_PAUSE = Failure(REQUESTS_PAUSED, codings=((ERROR_CODE_SYSTEM, "upstream-quota"),))


@pytest.mark.parametrize(
    ("failure", "away"),
    [
        *((Failure(kind), True) for kind in (OFFLINE, UNREACHABLE, UPSTREAM_TIMEOUT, UPSTREAM_CONNECT)),
        *((Failure(kind), True) for kind in (UPSTREAM_CERTIFICATE, PROXY_REFUSED, PROXY_UNAVAILABLE)),
        *(
            (Failure(kind), False)
            for kind in (QUERY_TIMEOUT, RESULT_LOST, GATEWAY_CREDENTIALS_INVALID, NOT_FOUND)
        ),
        (RESTING_AWAY, True),
        (RESTING_SLOW, False),
        (QUOTA_PAUSE, False),
    ],
)
def test_what_means_that_the_practice_is_away(failure: Failure, *, away: bool) -> None:
    assert is_unreachable(failure) is away


def test_every_code_that_means_away_is_one() -> None:
    known = {each.code for each in error_codes.all_kinds()}
    assert known >= _UNREACHABLE_CODES


SEARCHSET = json_response({"resourceType": "Bundle", "type": "searchset", "entry": []})


def test_an_old_searchset_says_how_old_it_is_and_an_old_resource_has_no_room_to() -> None:
    said = mark_stale(SEARCHSET.with_header("etag", "x"), "2026-07-01T02:00:00+00:00").with_encoded_body()
    (entry,) = msgspec.json.decode(said.body)["entry"]
    assert "as of 2026-07-01T02:00:00+00:00" in entry["resource"]["issue"][0]["details"]["text"]
    assert said.header("etag") == ""
    patient = json_response({"resourceType": "Patient"})
    assert mark_stale(patient, "x").body == patient.body


def test_a_signed_searchset_stays_as_it_was_signed() -> None:
    signed = json_response({"resourceType": "Bundle", "type": "searchset", "signature": {}})
    assert mark_stale(signed, "x").with_encoded_body().body == signed.body
