from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.requests import NOW, fhir_request, json_response

from gateway.cache.validators import has_gateway_etag, not_modified, with_validators
from gateway.exchange import FhirResponse

PATIENT = {"resourceType": "Patient", "id": "1", "meta": {"lastUpdated": "2026-06-30T10:00:00.5+10:00"}}


def bundle(**changes: Any) -> FhirResponse:
    fields: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": 1}
    return json_response(fields | {"entry": [{"resource": PATIENT}]} | changes)


def tag(response: FhirResponse) -> str:
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
def test_what_changes_with_each_asking_leaves_the_etag_alone(changes: dict[str, Any]) -> None:
    assert tag(bundle(**changes)) == tag(bundle())


@pytest.mark.parametrize(
    "changes",
    [{"total": 2}, {"entry": []}, {"type": "history"}, {"meta": {"tag": [{"code": "x"}]}}],
)
def test_what_is_content_changes_it(changes: dict[str, Any]) -> None:
    assert tag(bundle(**changes)) != tag(bundle())


def test_a_mended_entry_changes_it() -> None:
    opened = bundle().with_parsed_bundle()
    assert opened.bundle is not None
    mended = opened.with_bundle(opened.bundle.replace(entries=()))
    assert tag(mended) == tag(bundle(entry=[]))


def test_the_upstreams_own_validators_stay() -> None:
    given_ = json_response(PATIENT, etag='W/"7"')
    assert with_validators(given_, NOW) is given_
    mended = bundle().with_header("etag", "x").with_parsed_bundle()
    assert mended.bundle is not None
    assert b"Patient" in with_validators(mended.with_bundle(mended.bundle.with_total(7)), NOW).body
    assert with_validators(json_response(PATIENT, last_modified="x"), NOW).header("last-modified") == "x"


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ("2026-06-30T10:00:00.5+10:00", "Tue, 30 Jun 2026 00:00:00 GMT"),
        ("2999-01-01T00:00:00Z", "Wed, 01 Jul 2026 02:00:00 GMT"),
        ("2026-06-30", ""),
        ("0001-01-01T00:00:00+14:00", ""),
        ("2026-06-30T10:00:00", ""),
        ("nonsense", ""),
    ],
)
def test_last_modified_is_when_the_resource_changed_but_never_later_than_now(
    changed: str, shown: str
) -> None:
    answer = with_validators(json_response(PATIENT | {"meta": {"lastUpdated": changed}}), NOW)
    assert answer.header("last-modified") == shown


def test_an_error_has_no_etag() -> None:
    refused = FhirResponse(400)
    assert with_validators(refused, NOW) is refused


TAG = 'W/"gw-1"'


@pytest.mark.parametrize(
    ("fields", "same"),
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
        ({"if-modified-since": "Tue, 30 Jun 2026 00:00:00 GMT"}, True),
        ({"if-modified-since": "Mon, 29 Jun 2026 00:00:00 GMT"}, False),
        ({"if-modified-since": "yesterday"}, False),
        ({}, False),
    ],
)
def test_whether_a_client_already_has_it(fields: dict[str, str], *, same: bool) -> None:
    held = json_response(PATIENT, etag=TAG, last_modified="Tue, 30 Jun 2026 00:00:00 GMT")
    found = not_modified(fhir_request("Patient/1", headers=tuple(fields.items())), held)
    assert (found is not None) is same


def test_a_304_repeats_the_validators_and_no_body() -> None:
    held = json_response(PATIENT, etag=TAG, age="3", content_language="en")
    found = not_modified(fhir_request("Patient/1", headers=(("if-none-match", TAG),)), held)
    assert found == FhirResponse(304, (("etag", TAG), ("age", "3")))


@pytest.mark.parametrize(
    ("path", "method", "status"), [("Patient/_search", "POST", 200), ("Patient/1", "GET", 404)]
)
def test_only_a_good_answer_to_get_is_not_modified(path: str, method: str, status: int) -> None:
    request = fhir_request(path, method=method, headers=(("if-none-match", "*"),))
    assert not_modified(request, json_response(PATIENT, status, etag=TAG)) is None


@pytest.mark.parametrize(
    ("tag", "given_", "same"),
    [('"a,b"', 'W/"x", "a,b"', True), ('"a,b"', '"a"', False), ("unquoted", "unquoted", False)],
)
def test_an_upstreams_tag_is_compared_whole(tag: str, given_: str, *, same: bool) -> None:
    found = not_modified(
        fhir_request("Patient/1", headers=(("if-none-match", given_),)), json_response(PATIENT, etag=tag)
    )
    assert (found is not None) is same


@pytest.mark.parametrize(
    ("name", "value", "made"),
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
def test_a_change_cannot_depend_on_a_tag_that_we_made(name: str, value: str, *, made: bool) -> None:
    assert has_gateway_etag(fhir_request("Patient/1", method="PUT", headers=((name, value),))) is made


@given(st.text(), st.text())
def test_no_condition_breaks_the_reader(tags: str, since: str) -> None:
    fields = (("if-none-match", tags), ("if-modified-since", since))
    not_modified(fhir_request("Patient/1", headers=fields), json_response(PATIENT, etag=TAG))
