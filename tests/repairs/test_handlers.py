import asyncio
import json

import pytest
from support.requests import GUID, SITE, fhir_request, json_response

from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.raw_json import UnreadableError
from gateway.repairs import REPAIRS
from gateway.repairs.apply import repair_response, response_steps
from gateway.repairs.handlers import ResponseRepairs
from gateway.repairs.repair import KnownIssue, Repair

pytestmark = pytest.mark.anyio

UPSTREAM_BASE = f"http://10.1.2.3/sites/{GUID}/fhir/R4"


async def repair(
    response: FhirResponse, request: FhirRequest | None = None, repairs: tuple[Repair, ...] = REPAIRS
) -> FhirResponse:
    async def upstream(request: FhirRequest) -> FhirResponse:
        return response

    return (await ResponseRepairs(upstream, repairs)(request or fhir_request())).with_encoded_body()


def entry(number: int) -> dict[str, object]:
    meta = {"lastUpdated": "2026-07-01T10:00:00"}
    resource = {"resourceType": "Patient", "id": str(number), "meta": meta, "text": "x" * 700}
    return {"fullUrl": f"{UPSTREAM_BASE}/Patient/{number}", "resource": resource, "search": {"mode": "match"}}


def searchset(entries: int = 3000, **fields: object) -> dict[str, object]:
    return {"resourceType": "Bundle", "type": "searchset"} | {"entry": [*map(entry, range(entries))]} | fields


async def test_large_bundle_is_repaired_in_many_steps() -> None:
    steps = 0
    task = asyncio.ensure_future(repair(json_response(searchset())))
    while not task.done():
        steps += 1
        await asyncio.sleep(0)
    assert steps > 20
    expected = json.dumps(searchset(), separators=(",", ":"))
    expected = expected.replace(UPSTREAM_BASE, fhir_request().public_base).replace(
        "2026-07-01T10:00:00", "2026-07-01T00:00:00Z"
    )
    assert task.result().body.decode() == expected


@pytest.mark.parametrize("field", ["subject", "photo"])
async def test_event_loop_runs_while_one_large_resource_is_repaired(field: str) -> None:
    """A piece that cannot be cut is repaired in a thread: meanwhile the loop has many turns."""
    url = {"reference" if field == "subject" else "url": f"{UPSTREAM_BASE}/Patient/1"}
    body = json.dumps({"resourceType": "Patient", "x": [{field: url}] * 30_000}).encode()
    task, turns = asyncio.ensure_future(repair(FhirResponse(200, body=body))), 0
    while not task.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 20
    assert task.result().body.count(fhir_request().public_base.encode()) == 30_000


@pytest.mark.parametrize("large", ["entry", "link"])
async def test_event_loop_runs_while_a_large_value_is_repaired(large: str) -> None:
    """So is one entry, or the links, of a Bundle; its other pieces need no thread."""
    url = f"{UPSTREAM_BASE}/Patient/1"
    patient = {"resourceType": "Patient", "x": [{"reference": url}] * 30_000}
    links = [{"relation": "x", "url": url}] * 30_000
    values = {"entry": [{"resource": patient}]} if large == "entry" else {"link": links}
    body = json.dumps({"resourceType": "Bundle", "type": "searchset", **values}).encode()
    task, turns = asyncio.ensure_future(repair(FhirResponse(200, body=body))), 0
    while not task.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 20
    body = task.result().with_encoded_body().body
    assert body.count(fhir_request().public_base.encode()) == 30_000


async def test_pieces_of_an_ordinary_bundle_need_no_thread() -> None:
    response = json_response(searchset(300))
    assert True not in list(repair_response(fhir_request(), response, response_steps(REPAIRS)))


@pytest.mark.parametrize("entries", [1, 3000])
async def test_signed_bundle_is_unchanged_and_has_header(entries: int) -> None:
    bundle = searchset(entries, signature={"data": "eA=="})
    response = json_response(bundle, location=f"{UPSTREAM_BASE}/Bundle/1")
    new = await repair(response)
    assert new.body == response.body
    assert new.header("gateway-unchanged") == "signature"
    assert new.header("location") == f"{fhir_request().public_base}/Bundle/1"
    assert new.applied_repairs == ("reference-base-url",)


async def test_unsigned_bundle_has_no_unchanged_header() -> None:
    response = await repair(json_response(searchset(1)))
    assert response.header("gateway-unchanged") == ""


@pytest.mark.parametrize("entries", [1, 3000])
async def test_body_without_active_repair_keeps_its_bytes(entries: int) -> None:
    response = json_response(searchset(entries, type="collection"))
    all_ids = frozenset(repair.issue.id for repair in REPAIRS)
    site = type(SITE)(SITE.guid, SITE.zone, disabled_repairs=all_ids)
    assert (await repair(response, repairs=())).body is response.body
    assert (await repair(response, fhir_request(site=site))).body is response.body
    assert (await repair(response, fhir_request(site=None))).body is response.body


async def test_times_of_bundle_and_history_become_instants() -> None:
    response = {"status": "200", "lastModified": "2026-07-01T10:00"}
    bundle = {
        "resourceType": "Bundle",
        "type": "history",
        "meta": {"lastUpdated": "2026-07-01T10:00:00.5"},
        "timestamp": "2026-07-01T10:00:00",
        "entry": [{"request": {"method": "GET", "url": f"{UPSTREAM_BASE}/Patient/1"}, "response": response}],
    }
    repaired = await repair(json_response(bundle), fhir_request("Patient/1/_history"))
    new = json.loads(repaired.body)
    assert new["meta"] == {"lastUpdated": "2026-07-01T00:00:00.5Z"}
    assert new["timestamp"] == "2026-07-01T00:00:00Z"
    assert new["entry"][0]["response"]["lastModified"] == "2026-07-01T00:00:00Z"


async def test_bundle_date_without_time_is_removed() -> None:
    bundle = {"resourceType": "Bundle", "timestamp": "2026-07-01", "meta": {"lastUpdated": "2026"}}
    repaired = await repair(json_response(bundle))
    assert json.loads(repaired.body) == {"resourceType": "Bundle", "meta": {}}


async def test_time_mode_of_type_applies_to_history_and_bundle() -> None:
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
    repaired = await repair(json_response(bundle), fhir_request("Patient/_history", site=site))
    new = json.loads(repaired.body)
    assert new["timestamp"] == "2026-07-01T10:00:00Z"
    assert new["entry"][0]["response"]["lastModified"] == "2026-07-01T00:00:00Z"


async def test_headers_without_body_are_repaired() -> None:
    response = FhirResponse(201, (("location", f"{UPSTREAM_BASE}/Patient/1"),))
    new = await repair(response, fhir_request(method="POST"))
    assert new.header("location") == f"{fhir_request().public_base}/Patient/1"


async def test_local_response_needs_no_upstream_request() -> None:
    async def upstream(request: FhirRequest) -> FhirResponse:
        raise AssertionError

    local = Repair(KnownIssue("local", "", ""), local_response=lambda _: FhirResponse(200, body=b"{}"))
    passing = Repair(KnownIssue("passing", "", ""), local_response=lambda _: None)
    response = await ResponseRepairs(upstream, (passing, local))(fhir_request())
    assert (response.body, response.applied_repairs) == (b"{}", ("local",))


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
async def test_unreadable_json_is_an_error(body: bytes) -> None:
    if not body:
        assert (await repair(FhirResponse(200))).body == b""
        return
    with pytest.raises(UnreadableError):
        await repair(FhirResponse(200, body=body))


@pytest.mark.parametrize(
    "members",
    [
        b'"n":1.10e-7',
        b'"n":123456789012345678901234567890.10',
        b'"n":' + b"[" * 100 + b"]" * 100,
        '"u":"\\u00e9é\U0001f600"'.encode(),
        b'"a":{"b":1,"b":2}',
        b'"_family":{"x":[null]},"future":{"y":-0}',
    ],
)
async def test_repaired_resource_keeps_its_other_members(members: bytes) -> None:
    resource = (
        b'{"resourceType":"Patient","id":"1","meta":{"lastUpdated":"2026-07-01T10:00:00"},%s}' % members
    )
    bundle = b'{"resourceType":"Bundle","entry":[{"resource":%s}]}' % resource
    for body in (resource, bundle):
        repaired = await repair(FhirResponse(200, body=body))
        assert repaired.body == body.replace(b"10:00:00", b"00:00:00Z")


async def test_link_keeps_unknown_members() -> None:
    link = {"relation": "next", "url": f"{UPSTREAM_BASE}/Patient?p=2", "id": "k"}
    new = json.loads((await repair(json_response({"resourceType": "Bundle", "link": [link]}))).body)
    assert new["link"] == [
        {"relation": "next", "url": f"{fhir_request().public_base}/Patient?p=2", "id": "k"}
    ]
