"""Page links: tokens, bindings and lifetimes."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from support.requests import GUID, NOW, SITE, fhir_request, json_response

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Paging, Position
from gateway.paging.page_links import PageLinks
from gateway.paging.page_token import TokenCipher

pytestmark = pytest.mark.anyio

CALLER_HEADERS = (("ocp-apim-subscription-key", "k1"),)
INTERNAL = f"http://10.1.2.3/sites/{GUID}/fhir/R4"
BUNDLE = {
    "resourceType": "Bundle",
    "type": "searchset",
    "link": [
        {"relation": "self", "url": f"{INTERNAL}/Patient?name=a"},
        {"relation": "next", "url": f"{INTERNAL}/Patient?_page_token=abc"},
        {"relation": "prev", "url": "?_page_token=x"},
        {"relation": "help", "url": "https://other.example"},
    ],
}


class RecordingUpstream:
    """Returns one response and records the requests."""

    def __init__(self, response: FhirResponse) -> None:
        self.requests: list[FhirRequest] = []
        self._response = response

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        self.requests.append(request)
        return self._response


async def call_page_links(
    request: FhirRequest, content: object = BUNDLE, keys: tuple[str, ...] = ("one",)
) -> tuple[FhirResponse, FhirRequest]:
    """The response, and the request that the inner handler received."""
    upstream = RecordingUpstream(content if isinstance(content, FhirResponse) else json_response(content))
    handler = PageLinks(upstream, TokenCipher(keys), timedelta(hours=24))
    return await handler(request), upstream.requests[0]


async def links_for(request: FhirRequest, content: object = BUNDLE) -> dict[str, str]:
    return links((await call_page_links(request, content))[0])


def links(response: FhirResponse) -> dict[str, str]:
    bundle: dict[str, Any] = msgspec.json.decode(response.body)
    return {link["relation"]: link["url"] for link in bundle["link"]}


def search_request(query: str = "name=Zzyzx&_count=2", **changes: Any) -> FhirRequest:
    fields: dict[str, Any] = {"path": "Patient", "headers": CALLER_HEADERS} | changes
    return fhir_request(query=query, **fields)


def page_request(url: str, **changes: Any) -> FhirRequest:
    return search_request(urlsplit(url).query, **changes)


async def test_links_are_encrypted_and_self_is_the_clients_search() -> None:
    request = search_request()
    urls = await links_for(request)
    assert list(urls) == ["self", "next", "previous"]
    assert urls["self"] == f"{request.public_base}/Patient?name=Zzyzx&_count=2"
    assert all(url.startswith(f"{request.public_base}/Patient?") for url in urls.values())
    assert not any("Zzyzx" in url or "abc" in url for relation, url in urls.items() if relation != "self")


async def test_response_stored_without_links_gets_them() -> None:
    fetched = json_response(BUNDLE).with_parsed_bundle()
    assert fetched.bundle is not None
    positions = {"next": Position(0, "?token=abc")}
    stored = fetched.replace(
        body=fetched.bundle.encode_without_links(), bundle=None, paging=Paging(positions, links_omitted=True)
    )
    request = search_request()
    response, _ = await call_page_links(request, stored)
    assert response.paging is None
    assert list(links(response)) == ["self", "next"]
    assert links(response)["self"] == f"{request.public_base}/Patient?name=Zzyzx&_count=2"
    unstored, _ = await call_page_links(request, fetched.replace(paging=Paging(positions)))
    stored_content, unstored_content = (msgspec.json.decode(item.body) for item in (response, unstored))
    assert {**stored_content, "link": None} == {**unstored_content, "link": None}


async def test_posted_search_pages_by_get_with_its_criteria() -> None:
    request = fhir_request("Patient/_search", "", "POST", form="name=Zzyzx", headers=CALLER_HEADERS)
    urls = await links_for(request)
    assert urls["self"] == f"{request.public_base}/Patient?name=Zzyzx"
    assert urlsplit(urls["next"]).path.endswith("/Patient")
    _, inner_request = await call_page_links(page_request(urls["next"]))
    assert inner_request.client_search.query == "name=Zzyzx"


@pytest.mark.parametrize("keys", [("one",), ("two", "one")])
async def test_link_leads_to_same_position_on_any_replica(keys: tuple[str, ...]) -> None:
    url = (await links_for(search_request()))["next"]
    _, inner = await call_page_links(page_request(url, received_at=NOW + timedelta(hours=1)), keys=keys)
    assert inner.plan.position == Position(0, "/Patient?_page_token=abc")
    assert (inner.client_search.query, inner.upstream_search.query) == ("name=Zzyzx&_count=2",) * 2
    assert inner.received_at == NOW


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"headers": (("ocp-apim-subscription-key", "k2"),)}, 404),
        ({"headers": (("deviceid", "k1"),)}, 404),
        ({"headers": (("authorization", "Bearer other"), ("deviceid", "k1"))}, 404),
        ({"site": type(SITE)(GUID[:-1] + "b", SITE.zone)}, 404),
        ({"path": "Observation"}, 404),
        ({"received_at": NOW + timedelta(hours=24, seconds=1)}, 410),
    ],
)
async def test_foreign_or_expired_link_is_rejected(changes: dict[str, Any], status: int) -> None:
    url = (await links_for(search_request()))["next"]
    with pytest.raises(Failure) as raised:
        await call_page_links(page_request(url, **changes))
    assert (raised.value.kind.status, raised.value.expression) == (status, "http._page")
    assert "search" in raised.value.text


@pytest.mark.parametrize("token", ["", "x", "A" * 200, "é"])
async def test_altered_or_unknown_link_is_rejected(token: str) -> None:
    query = urlsplit((await links_for(search_request()))["next"]).query
    for altered_query in (f"_page={token}", query[:-2], query.replace("_page=", "_page=A")):
        with pytest.raises(Failure) as raised:
            await call_page_links(search_request(altered_query))
        assert raised.value.kind.status == 404


async def test_link_of_removed_key_is_rejected() -> None:
    url = (await links_for(search_request()))["next"]
    with pytest.raises(Failure) as raised:
        await call_page_links(page_request(url), keys=("two",))
    assert raised.value.kind.status == 404


async def test_link_of_long_search_is_under_1500_characters() -> None:
    query = (
        "name=Zzyzx&birthdate=ge1980-01-01T00:00:00&birthdate=lt1990-01-01T00:00:00&_count=50&_sort=-birthdate"
        "&_include=Patient:general-practitioner&_include:iterate=PractitionerRole:practitioner"
        "&_revinclude=Condition:patient&_revinclude=Observation:subject&_elements=name,birthDate,identifier"
    )
    token = "Qm9" * 130
    bundle = BUNDLE | {
        "link": [{"relation": "next", "url": f"{INTERNAL}/Patient?_page_token={token}&{query}"}]
    }
    assert max(map(len, (await links_for(search_request(query), bundle)).values())) < 1500


async def test_format_in_url_is_repeated_on_every_link() -> None:
    urls = await links_for(search_request("name=a&_format=json"))
    assert all(parse_qs(urlsplit(url).query)["_format"] == ["json"] for url in urls.values())
    _, inner_request = await call_page_links(page_request(urls["next"]))
    assert "_format" not in inner_request.upstream_search.query


async def test_ignored_parameter_is_not_in_self() -> None:
    response = json_response(BUNDLE).replace(ignored_parameters=frozenset({"colour"}), paging=Paging({}))
    urls = await links_for(search_request("colour=red&name=a"), response)
    assert urls == {"self": f"{search_request().public_base}/Patient?name=a"}


@pytest.mark.parametrize(
    "request_", [fhir_request("Patient/1"), fhir_request("metadata"), fhir_request("Patient/1/$summary")]
)
async def test_other_interaction_has_its_body_unchanged(request_: FhirRequest) -> None:
    response = json_response({"resourceType": "Bundle", "type": "document", "link": []})
    assert (await call_page_links(request_, response))[0].body == response.body


async def test_signed_searchset_has_its_bytes_unchanged() -> None:
    response = json_response(BUNDLE | {"signature": {"data": "eA=="}})
    assert (await call_page_links(search_request(), response))[0].body == response.body


async def test_upstream_page_off_the_base_is_a_failure() -> None:
    bundle = BUNDLE | {"link": [{"relation": "next", "url": "https://evil.example/Patient"}]}
    with pytest.raises(Failure) as raised:
        await call_page_links(search_request(), bundle)
    assert raised.value.kind.status == 502


OPERATION = {
    "resourceType": "Bundle",
    "type": "searchset",
    "link": [
        {"relation": "self", "url": f"{INTERNAL}/Patient/1/$everything"},
        {"relation": "next", "url": f"{INTERNAL}/Patient/1/$everything?_page=2"},
        {"relation": "help", "url": "https://other.example"},
    ],
}


async def test_operation_pages_by_get_at_its_own_path() -> None:
    request = search_request("_count=2", path="Patient/1/$everything")
    urls = await links_for(request, OPERATION)
    assert list(urls) == ["self", "next", "help"]
    assert urls["self"] == f"{request.public_base}/Patient/1/$everything?_count=2"
    assert urls["next"].startswith(f"{request.public_base}/Patient/1/$everything?_page=")
    _, inner = await call_page_links(page_request(urls["next"], path="Patient/1/$everything"), OPERATION)
    assert inner.plan.position == Position(0, "/Patient/1/$everything?_page=2")


async def test_posted_operation_has_page_links_but_no_self() -> None:
    request = search_request("", path="Patient/1/$everything", method="POST", body=b"{}")
    assert list(await links_for(request, OPERATION)) == ["next", "help"]


@pytest.mark.parametrize(
    "content",
    [
        {"resourceType": "Patient", "link": [{"other": {"reference": "Patient/2"}, "type": "seealso"}]},
        {"resourceType": "Bundle", "type": "document", "link": [{"relation": "self", "url": "urn:x"}]},
        OPERATION | {"signature": {}},
    ],
)
async def test_operation_without_pages_keeps_its_response(content: dict[str, Any]) -> None:
    response, _ = await call_page_links(search_request("", path="Patient/1/$summary"), content)
    assert msgspec.json.decode(response.body) == content


def transaction_response(*links: tuple[str, str], **fields: Any) -> dict[str, Any]:
    page = {"resourceType": "Bundle", "link": [{"relation": name, "url": url} for name, url in links]}
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": [{"resource": page | fields}]}


PUBLIC = fhir_request().public_base
NESTED = (("self", f"{PUBLIC}/Patient?name=a"), ("next", f"{PUBLIC}/Patient?_page=2"))


async def test_page_links_in_a_transaction_can_be_followed() -> None:
    request = search_request("", path="", method="POST")
    response, _ = await call_page_links(request, transaction_response(*NESTED))
    page = msgspec.json.decode(response.body)["entry"][0]["resource"]
    urls = {link["relation"]: link["url"] for link in page["link"]}
    assert urls["self"] == f"{PUBLIC}/Patient?name=a"
    assert urls["next"].startswith(f"{PUBLIC}/Patient?_page=")
    _, inner = await call_page_links(page_request(urls["next"]))
    assert inner.client_search.query == "name=a"
    assert inner.plan.position == Position(0, "/Patient?_page=2")


@pytest.mark.parametrize(
    "content",
    [
        transaction_response(NESTED[0]),
        transaction_response(NESTED[1]),
        transaction_response(("self", f"{PUBLIC}?x=1"), NESTED[1]),
        transaction_response(NESTED[0], ("next", "https://other.example/Patient")),
        transaction_response(*NESTED, signature={}),
        transaction_response(*NESTED, resourceType="Binary", data='"Bundle"'),
        transaction_response(*NESTED) | {"signature": {}},
        {"resourceType": "Bundle", "type": "transaction-response", "entry": [{"response": {}}]},
    ],
)
async def test_other_responses_to_a_transaction_stay(content: dict[str, Any]) -> None:
    """After a transaction, which has changed data, a link that leads nowhere must not hide that."""
    response, _ = await call_page_links(search_request("", path="", method="POST"), content)
    assert msgspec.json.decode(response.body) == content


@pytest.mark.parametrize(("entries", "turns"), [(100, 1), (2_000, 3)])
async def test_other_requests_run_around_the_encoding_of_many_entries(entries: int, turns: int) -> None:
    page = BUNDLE | {"entry": [{"fullUrl": f"urn:x:{number}"} for number in range(entries)]}
    task, seen = asyncio.ensure_future(call_page_links(fhir_request("Patient"), page)), 0
    while not task.done():
        seen += 1
        await asyncio.sleep(0)
    assert seen == turns
    assert task.result()[0].body.count(b"urn:x:") == entries
