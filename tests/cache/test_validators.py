"""Validators of responses, and conditional requests."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.requests import NOW, fhir_request, json_response

from gateway.cache.validators import has_gateway_etag, not_modified, with_validators
from gateway.exchange import START, FhirResponse, Paging, Position

PATIENT = {"resourceType": "Patient", "id": "1", "meta": {"lastUpdated": "2026-06-30T10:00:00.5+10:00"}}


def bundle(**changes: Any) -> FhirResponse:
    fields: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": 1}
    return json_response(fields | {"entry": [{"resource": PATIENT}]} | changes)


def etag_of(response: FhirResponse) -> str:
    return with_validators(response, NOW).header("etag")


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "b1"},
        {"timestamp": "2026-07-01T00:00:00Z"},
        {"link": [{"relation": "self", "url": "https://gw.example"}]},
        {"meta": {"lastUpdated": "2026-07-01T00:00:00Z"}},
    ],
)
def test_volatile_field_keeps_etag(changes: dict[str, Any]) -> None:
    assert etag_of(bundle(**changes)) == etag_of(bundle())


@pytest.mark.parametrize(
    "changes",
    [
        {"total": 2},
        {"entry": []},
        {"type": "history"},
        {"meta": {"tag": [{"code": "x"}]}},
        {"link": [{"relation": "next", "url": "https://gw.example"}]},
        {"entry": [{"resource": PATIENT}, {"resource": {"resourceType": "OperationOutcome"}}]},
    ],
)
def test_changed_content_changes_etag(changes: dict[str, Any]) -> None:
    assert etag_of(bundle(**changes)) != etag_of(bundle())


def test_repaired_entries_change_etag() -> None:
    parsed = bundle().with_parsed_bundle()
    assert parsed.bundle is not None
    repaired = parsed.with_bundle(parsed.bundle.replace(entries=()))
    assert etag_of(repaired) == etag_of(bundle(entry=[]))


def test_links_of_merged_pages_change_etag() -> None:
    tags = {
        etag_of(bundle().replace(paging=Paging(positions), ignored_parameters=frozenset(ignored)))
        for positions, ignored in (({}, ()), ({"next": START}, ()), ({"next": START}, ("date",)))
    }
    assert len(tags) == 3
    moved = Paging({"next": Position(1)})
    assert etag_of(bundle().replace(paging=moved)) in tags


def test_resource_keeps_validators_of_upstream() -> None:
    response = json_response(PATIENT, etag='W/"7"')
    assert with_validators(response, NOW).headers == response.headers
    assert etag_of(json_response(PATIENT, etag='"7"')) == 'W/"7"'
    assert with_validators(json_response(PATIENT, last_modified="x"), NOW).header("last-modified") == "x"


def test_bundle_loses_validators_of_upstream() -> None:
    response = with_validators(bundle().with_header("etag", 'W/"7"').with_header("last-modified", "x"), NOW)
    assert (response.header("etag"), response.header("last-modified")) == (etag_of(bundle()), "")
    parsed = bundle().with_header("etag", "x").with_parsed_bundle()
    assert parsed.bundle is not None
    assert b"Patient" in with_validators(parsed.with_bundle(parsed.bundle.with_total(7)), NOW).body


@pytest.mark.parametrize("etag", ['W/"gw-1"', '"gw-1"'])
def test_gateway_etag_of_upstream_is_replaced(etag: str) -> None:
    assert etag_of(json_response(PATIENT, etag=etag)) == etag_of(json_response(PATIENT))


@pytest.mark.parametrize(
    ("last_updated", "expected"),
    [
        ("2026-06-30T10:00:00.5+10:00", "Tue, 30 Jun 2026 00:00:00 GMT"),
        ("2999-01-01T00:00:00Z", "Wed, 01 Jul 2026 02:00:00 GMT"),
        ("2026-06-30", ""),
        ("0001-01-01T00:00:00+14:00", ""),
        ("2026-06-30T10:00:00", ""),
        ("nonsense", ""),
    ],
)
def test_last_modified_is_last_updated_at_most_now(last_updated: str, expected: str) -> None:
    response = with_validators(json_response(PATIENT | {"meta": {"lastUpdated": last_updated}}), NOW)
    assert response.header("last-modified") == expected


def test_error_gets_no_etag() -> None:
    error = FhirResponse(400)
    assert with_validators(error, NOW) is error


TAG = 'W/"gw-1"'


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"if-none-match": TAG}, True),
        ({"if-none-match": '"gw-1"'}, True),
        ({"if-none-match": 'W/"x", W/"gw-1"'}, True),
        ({"if-none-match": "*"}, True),
        ({"if-none-match": 'W/"x",W/"gw-1"'}, True),
        ({"if-none-match": 'W/"x, gw-1"'}, False),
        ({"if-none-match": "gw-1"}, False),
        ({"if-none-match": 'W/"x"'}, False),
        ({"if-none-match": 'W/"x"', "if-modified-since": "Tue, 30 Jun 2026 00:00:00 GMT"}, False),
        ({"if-modified-since": "Tue, 30 Jun 2026 00:00:00 GMT"}, False),
        ({"if-modified-since": "Wed, 30 Jun 2027 00:00:00 GMT"}, False),
        ({"if-modified-since": "Mon, 29 Jun 2026 00:00:00 GMT"}, False),
        ({"if-modified-since": "yesterday"}, False),
        ({}, False),
    ],
)
def test_condition_of_client_decides_304(headers: dict[str, str], *, expected: bool) -> None:
    response = json_response(PATIENT, etag=TAG, last_modified="Tue, 30 Jun 2026 00:00:00 GMT")
    result = not_modified(fhir_request("Patient/1", headers=tuple(headers.items())), response)
    assert (result is not None) is expected


def test_304_has_validators_but_no_body() -> None:
    response = json_response(PATIENT, etag=TAG, age="3", content_language="en")
    result = not_modified(fhir_request("Patient/1", headers=(("if-none-match", TAG),)), response)
    assert result == FhirResponse(304, (("etag", TAG), ("age", "3")))


@pytest.mark.parametrize(
    ("path", "method", "status"), [("Patient/_search", "POST", 200), ("Patient/1", "GET", 404)]
)
def test_only_successful_get_gets_304(path: str, method: str, status: int) -> None:
    request = fhir_request(path, method=method, headers=(("if-none-match", "*"),))
    assert not_modified(request, json_response(PATIENT, status, etag=TAG)) is None


@pytest.mark.parametrize(
    ("etag", "if_none_match", "expected"),
    [
        ('W/"gw-a,b"', 'W/"x", "gw-a,b"', True),
        ('W/"gw-a,b"', '"gw-a"', False),
        ("unquoted", "unquoted", False),
        ('W/"7"', 'W/"7"', False),
        ('W/"7"', '"7"', False),
    ],
)
def test_only_own_etag_gives_304(etag: str, if_none_match: str, *, expected: bool) -> None:
    request = fhir_request("Patient/1", headers=(("if-none-match", if_none_match),))
    result = not_modified(request, json_response(PATIENT, etag=etag))
    assert (result is not None) is expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("if-match", TAG, True),
        ("if-match", '"gw-1"', True),
        ("if-match", 'W/"3", W/"gw-1"', True),
        ("if-none-match", TAG, True),
        ("if-match", 'W/"3"', False),
        ("if-none-match", "*", False),
        ("if-none-exist", 'identifier="gw-1"', False),
    ],
)
def test_gateway_etag_in_condition_is_recognised(name: str, value: str, *, expected: bool) -> None:
    assert has_gateway_etag(fhir_request("Patient/1", method="PUT", headers=((name, value),))) is expected


@given(st.text(), st.text())
def test_any_condition_text_is_parsed(if_none_match: str, if_modified_since: str) -> None:
    headers = (("if-none-match", if_none_match), ("if-modified-since", if_modified_since))
    not_modified(fhir_request("Patient/1", headers=headers), json_response(PATIENT, etag=TAG))
