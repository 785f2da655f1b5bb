"""Encoding of stored responses, unreachable practices and stale warnings."""

from math import inf
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
from gateway.exchange import FhirResponse, Paging, Position
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
def test_encoded_response_is_decoded_unchanged(
    body: bytes,
    headers: list[tuple[str, str]],
    positions: Any,
    ignored_parameters: frozenset[str],
    requested_at: float,
) -> None:
    response = FhirResponse(
        200,
        tuple(headers),
        body,
        ("link-base-url",),
        paging=None if positions is None else Paging(positions),
        ignored_parameters=ignored_parameters,
    )
    stored = StoredResponse(requested_at, 60, {"all": 3}, 5, 7).with_response(response)
    decoded = decode(encode(stored))
    assert decoded == stored
    assert decoded is not None
    assert decoded.response == response
    assert decoded.retention_seconds == 67
    assert decoded.age(requested_at + 9) == pytest.approx(9)


@pytest.mark.parametrize(("seconds", "age"), [(-0.5, 0), (-2, inf), (3, 3)])
def test_response_of_the_future_is_too_old(seconds: float, age: float) -> None:
    assert StoredResponse(1_000, 5, stale_if_error=600).age(1_000 + seconds) == age


def test_page_with_positions_is_stored_without_links() -> None:
    page = json_response({"resourceType": "Bundle", "link": [{"relation": "self", "url": "x"}], "total": 1})
    stored = StoredResponse(0, 5).with_response(page.replace(paging=Paging({})))
    assert (stored.links_omitted, stored.body) == (True, b'{"resourceType":"Bundle","total":1}')
    stale = mark_stale(page.replace(body=stored.body, paging=Paging({}, links_omitted=True)), "2026")
    assert stale.paging == Paging({})
    assert b"as of 2026" in stale.with_encoded_body().body
    signed = json_response({"resourceType": "Bundle", "link": [], "signature": {}}).replace(paging=Paging({}))
    assert StoredResponse(0, 5).with_response(signed).body == signed.body
    assert StoredResponse(0, 5).with_response(page).body == page.body


def test_encoded_failure_is_decoded_unchanged() -> None:
    failure = Failure(NOT_FOUND, diagnostics="d", expression="e", issue="deleted", codings=(("s", "c"),))
    stored = decode(encode(StoredResponse(0, 5, failure=stored_failure(failure))))
    assert stored is not None
    decoded = stored.response
    assert isinstance(decoded, Failure)
    assert (decoded.kind, decoded.text, decoded.diagnostics) == (NOT_FOUND, failure.text, "d")
    assert (decoded.expression, decoded.issue, decoded.codings) == ("e", "deleted", (("s", "c"),))


@given(st.binary(max_size=50))
def test_any_bytes_decode_to_response_or_none(data: bytes) -> None:
    assert isinstance(decode(data), StoredResponse | None)


ENCODED = encode(StoredResponse(0, 5))


@pytest.mark.parametrize("data", [None, b"", b"{}", b"\x92\xa1a\xa1b", ENCODED[:-1], ENCODED + b"x"])
def test_invalid_data_decodes_to_none(data: bytes | None) -> None:
    assert decode(data) is None


OPEN_AFTER_OFFLINE = Failure(CIRCUIT_OPEN, codings=((ERROR_CODE_SYSTEM, OFFLINE.code),))
OPEN_AFTER_TIMEOUT = Failure(CIRCUIT_OPEN, codings=((ERROR_CODE_SYSTEM, QUERY_TIMEOUT.code),))
PAUSED_BY_QUOTA = Failure(REQUESTS_PAUSED, codings=((ERROR_CODE_SYSTEM, "upstream-quota"),))


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        *((Failure(kind), True) for kind in (OFFLINE, UNREACHABLE, UPSTREAM_TIMEOUT, UPSTREAM_CONNECT)),
        *((Failure(kind), True) for kind in (UPSTREAM_CERTIFICATE, PROXY_REFUSED, PROXY_UNAVAILABLE)),
        *(
            (Failure(kind), False)
            for kind in (QUERY_TIMEOUT, RESULT_LOST, GATEWAY_CREDENTIALS_INVALID, NOT_FOUND)
        ),
        (OPEN_AFTER_OFFLINE, True),
        (OPEN_AFTER_TIMEOUT, False),
        (PAUSED_BY_QUOTA, False),
    ],
)
def test_failure_or_its_cause_means_unreachable(failure: Failure, *, expected: bool) -> None:
    assert is_unreachable(failure) is expected


def test_unreachable_codes_are_error_codes() -> None:
    codes = {kind.code for kind in error_codes.all_kinds()}
    assert codes >= _UNREACHABLE_CODES


SEARCHSET = json_response({"resourceType": "Bundle", "type": "searchset", "entry": []})


def test_only_stale_searchset_contains_its_date() -> None:
    stale = mark_stale(SEARCHSET.with_header("etag", "x"), "2026-07-01T02:00:00+00:00").with_encoded_body()
    (entry,) = msgspec.json.decode(stale.body)["entry"]
    assert "as of 2026-07-01T02:00:00+00:00" in entry["resource"]["issue"][0]["details"]["text"]
    assert stale.header("etag") == ""
    patient = json_response({"resourceType": "Patient"})
    assert mark_stale(patient, "x").body == patient.body


def test_stale_signed_searchset_is_unchanged() -> None:
    signed = json_response({"resourceType": "Bundle", "type": "searchset", "signature": {}})
    assert mark_stale(signed, "x").with_encoded_body().body == signed.body
