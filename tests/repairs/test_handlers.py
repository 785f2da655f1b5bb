import asyncio
import json

import pytest
from support.requests import GUID, SITE, fhir_request, json_response

from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.raw_json import UnreadableError
from gateway.repairs import REPAIRS
from gateway.repairs.handlers import ResponseRepairs
from gateway.repairs.repair import KnownIssue, Repair

UP = f"http://10.1.2.3/sites/{GUID}/fhir/R4"


def repaired(
    answer: FhirResponse, request: FhirRequest | None = None, repairs: tuple[Repair, ...] = REPAIRS
) -> FhirResponse:
    async def upstream(request: FhirRequest) -> FhirResponse:
        return answer

    return asyncio.run(ResponseRepairs(upstream, repairs)(request or fhir_request())).with_encoded_body()


def entry(number: int) -> dict[str, object]:
    meta = {"lastUpdated": "2026-07-01T10:00:00"}
    resource = {"resourceType": "Patient", "id": str(number), "meta": meta, "text": "x" * 700}
    return {"fullUrl": f"{UP}/Patient/{number}", "resource": resource, "search": {"mode": "match"}}


def large(number: int = 3000, **fields: object) -> dict[str, object]:
    return {"resourceType": "Bundle", "type": "searchset"} | {"entry": [*map(entry, range(number))]} | fields


def test_a_large_bundle_is_mended_in_many_short_turns() -> None:
    turns = 0

    async def scenario() -> FhirResponse:
        nonlocal turns

        async def upstream(request: FhirRequest) -> FhirResponse:
            return json_response(large())

        mending = asyncio.ensure_future(ResponseRepairs(upstream, REPAIRS)(fhir_request()))
        while not mending.done():
            turns += 1
            await asyncio.sleep(0)
        return mending.result()

    answer = asyncio.run(scenario()).with_encoded_body()
    assert turns > 20
    expected = json.dumps(large(), separators=(",", ":"))
    expected = expected.replace(UP, fhir_request().public_base).replace(
        "2026-07-01T10:00:00", "2026-07-01T00:00:00Z"
    )
    assert answer.body.decode() == expected


@pytest.mark.parametrize("number", [1, 3000])
def test_a_signed_bundle_passes_unchanged_and_says_so(number: int) -> None:
    answer = json_response(large(number, signature={"data": "eA=="}), location=f"{UP}/Bundle/1")
    new = repaired(answer)
    assert new.body == answer.body
    assert new.header("gateway-unchanged") == "signature"
    assert new.header("location") == f"{fhir_request().public_base}/Bundle/1"
    assert new.applied_repairs == ("reference-base-url",)


def test_an_unsigned_bundle_does_not_say_so() -> None:
    assert repaired(json_response(large(1))).header("gateway-unchanged") == ""


@pytest.mark.parametrize("number", [1, 3000])
def test_where_nothing_is_to_mend_the_very_bytes_leave(number: int) -> None:
    answer = json_response(large(number, type="collection"))
    assert repaired(answer, repairs=()).body is answer.body
    off = type(SITE)(SITE.guid, SITE.zone, disabled_repairs=frozenset(each.issue.id for each in REPAIRS))
    assert repaired(answer, fhir_request(site=off)).body is answer.body
    assert repaired(answer, fhir_request(site=None)).body is answer.body


def test_a_bundles_own_times_and_those_of_its_history_are_instants_too() -> None:
    response = {"status": "200", "lastModified": "2026-07-01T10:00"}
    bundle = {
        "resourceType": "Bundle",
        "type": "history",
        "meta": {"lastUpdated": "2026-07-01T10:00:00.5"},
        "timestamp": "2026-07-01T10:00:00",
        "entry": [{"request": {"method": "GET", "url": f"{UP}/Patient/1"}, "response": response}],
    }
    new = json.loads(repaired(json_response(bundle), fhir_request("Patient/1/_history")).body)
    assert new["meta"] == {"lastUpdated": "2026-07-01T00:00:00.5Z"}
    assert new["timestamp"] == "2026-07-01T00:00:00Z"
    assert new["entry"][0]["response"]["lastModified"] == "2026-07-01T00:00:00Z"


def test_a_bundle_time_that_is_no_instant_is_left_out() -> None:
    bundle = {"resourceType": "Bundle", "timestamp": "2026-07-01", "meta": {"lastUpdated": "2026"}}
    assert json.loads(repaired(json_response(bundle)).body) == {"resourceType": "Bundle", "meta": {}}


def test_the_mode_of_each_resource_type_holds_for_its_history_and_for_bundles() -> None:
    site = type(SITE)(
        SITE.guid,
        SITE.zone,
        last_updated_input={"Patient": "local-labelled-utc", "Bundle": "utc-labelled-local"},
    )
    bundle = {
        "resourceType": "Bundle",
        "timestamp": "2026-07-01T10:00:00+10:00",
        "entry": [{"response": {"lastModified": "2026-07-01T10:00:00Z"}}],
    }
    new = json.loads(repaired(json_response(bundle), fhir_request("Patient/_history", site=site)).body)
    assert new["timestamp"] == "2026-07-01T10:00:00Z"
    assert new["entry"][0]["response"]["lastModified"] == "2026-07-01T00:00:00Z"


def test_headers_are_mended_without_a_body_too() -> None:
    new = repaired(FhirResponse(201, (("location", f"{UP}/Patient/1"),)), fhir_request(method="POST"))
    assert new.header("location") == f"{fhir_request().public_base}/Patient/1"


def test_an_answer_that_a_repair_gives_is_never_asked_for_upstream() -> None:
    async def upstream(request: FhirRequest) -> FhirResponse:
        raise AssertionError

    given = Repair(KnownIssue("given", "", ""), local_response=lambda _: FhirResponse(200, body=b"{}"))
    passing = Repair(KnownIssue("passing", "", ""), local_response=lambda _: None)
    answer = asyncio.run(ResponseRepairs(upstream, (passing, given))(fhir_request()))
    assert (answer.body, answer.applied_repairs) == (b"{}", ("given",))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"resourceType":"Patient","x":"\xff"}',
        b'{"resourceType":"Patient","id":"1","id":"2"}',
        b'{"resourceType":"Bundle","entry":[{"fullUrl":"a","fullUrl":"b"}]}',
        b'{"resourceType":"Bundle","entry":[3]}',
        b'{"resourceType":"Patient",',
    ],
)
def test_json_that_cannot_be_read_is_never_passed_off_as_data(body: bytes) -> None:
    if not body:
        assert repaired(FhirResponse(200)).body == b""
        return
    with pytest.raises(UnreadableError):
        repaired(FhirResponse(200, body=body))


@pytest.mark.parametrize(
    "inside",
    [
        b'"n":1.10e-7',
        b'"n":123456789012345678901234567890.10',
        b'"n":' + b"[" * 100 + b"]" * 100,
        '"u":"\\u00e9é\U0001f600"'.encode(),
        b'"a":{"b":1,"b":2}',
        b'"_family":{"x":[null]},"future":{"y":-0}',
    ],
)
def test_what_a_resource_holds_survives_being_mended(inside: bytes) -> None:
    resource = b'{"resourceType":"Patient","id":"1","meta":{"lastUpdated":"2026-07-01T10:00:00"},%s}' % inside
    bundle = b'{"resourceType":"Bundle","entry":[{"resource":%s}]}' % resource
    for body in (resource, bundle):
        assert repaired(FhirResponse(200, body=body)).body == body.replace(b"10:00:00", b"00:00:00Z")


def test_a_link_may_keep_more_than_r4_knows() -> None:
    bundle = {"resourceType": "Bundle", "link": [{"relation": "next", "url": f"{UP}/Patient?p=2", "id": "k"}]}
    new = json.loads(repaired(json_response(bundle)).body)
    assert new["link"] == [
        {"relation": "next", "url": f"{fhir_request().public_base}/Patient?p=2", "id": "k"}
    ]
