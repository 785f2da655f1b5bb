import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from support.requests import GUID, NOW, SITE, fhir_request, json_response

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Position
from gateway.paging.page_links import PageLinks
from gateway.paging.page_token import TokenCipher

KEY = (("ocp-apim-subscription-key", "k1"),)
UP = f"http://10.1.2.3/sites/{GUID}/fhir/R4"
BUNDLE = {
    "resourceType": "Bundle",
    "type": "searchset",
    "link": [
        {"relation": "self", "url": f"{UP}/Patient?name=a"},
        {"relation": "next", "url": f"{UP}/Patient?_page_token=abc"},
        {"relation": "prev", "url": "?_page_token=x"},
        {"relation": "help", "url": "https://other.example"},
    ],
}


class Asked:
    """An upstream with one answer that remembers what it was asked."""

    def __init__(self, answer: FhirResponse) -> None:
        self.requests: list[FhirRequest] = []
        self._answer = answer

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        self.requests.append(request)
        return self._answer


def paged(
    request: FhirRequest, answer: object = BUNDLE, keys: tuple[str, ...] = ("one",)
) -> tuple[FhirResponse, FhirRequest]:
    given = answer if isinstance(answer, FhirResponse) else json_response(answer)
    asked = Asked(given)
    handler = PageLinks(asked, TokenCipher(keys), timedelta(hours=24))
    return asyncio.run(handler(request)), asked.requests[0]


def links(response: FhirResponse) -> dict[str, str]:
    bundle: dict[str, Any] = msgspec.json.decode(response.body)
    return {link["relation"]: link["url"] for link in bundle["link"]}


def asked(query: str = "name=Zzyzx&_count=2", **changes: Any) -> FhirRequest:
    given: dict[str, Any] = {"path": "Patient", "headers": KEY} | changes
    return fhir_request(query=query, **given)


def following(url: str, **changes: Any) -> FhirRequest:
    return asked(urlsplit(url).query, **changes)


def test_links_are_ours_show_nothing_and_self_is_the_clients_own_search() -> None:
    request = asked()
    found = links(paged(request)[0])
    assert list(found) == ["self", "next", "previous"]
    assert found["self"] == f"{request.public_base}/Patient?name=Zzyzx&_count=2"
    assert all(url.startswith(f"{request.public_base}/Patient?") for url in found.values())
    assert not any("Zzyzx" in url or "abc" in url for name, url in found.items() if name != "self")


def test_links_are_put_into_what_was_kept_without_them() -> None:
    fresh = json_response(BUNDLE).with_parsed_bundle()
    assert fresh.bundle is not None
    pages = {"next": Position(0, "?token=abc")}
    kept = fresh.replace(
        body=fresh.bundle.encode_without_links(), bundle=None, page_positions=pages, links_omitted=True
    )
    request = asked()
    answer, _ = paged(request, kept)
    assert not answer.links_omitted
    assert list(links(answer)) == ["self", "next"]
    assert links(answer)["self"] == f"{request.public_base}/Patient?name=Zzyzx&_count=2"
    whole = msgspec.json.decode(paged(request, fresh.replace(page_positions=pages))[0].body)
    assert {**msgspec.json.decode(answer.body), "link": None} == {**whole, "link": None}


def test_a_posted_search_pages_by_get_and_keeps_its_criteria() -> None:
    request = fhir_request("Patient/_search", "", "POST", form="name=Zzyzx", headers=KEY)
    found = links(paged(request)[0])
    assert found["self"] == f"{request.public_base}/Patient?name=Zzyzx"
    assert urlsplit(found["next"]).path.endswith("/Patient")
    _, inner = paged(following(found["next"]))
    assert inner.client_search.query == "name=Zzyzx"


@pytest.mark.parametrize("keys", [("one",), ("two", "one")])
def test_following_a_link_asks_for_the_same_place_on_any_replica(keys: tuple[str, ...]) -> None:
    url = links(paged(asked())[0])["next"]
    _, inner = paged(following(url, received_at=NOW + timedelta(hours=1)), keys=keys)
    assert inner.position == Position(0, "/Patient?_page_token=abc")
    assert (inner.client_search.query, inner.upstream_search.query) == ("name=Zzyzx&_count=2",) * 2
    assert inner.received_at == NOW


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"headers": (("ocp-apim-subscription-key", "k2"),)}, 404),
        ({"headers": (("deviceid", "k1"),)}, 404),
        ({"site": type(SITE)(GUID[:-1] + "b", SITE.zone)}, 404),
        ({"path": "Observation"}, 404),
        ({"received_at": NOW + timedelta(hours=24, seconds=1)}, 410),
    ],
)
def test_a_foreign_or_expired_link_is_refused(changes: dict[str, Any], status: int) -> None:
    url = links(paged(asked())[0])["next"]
    with pytest.raises(Failure) as refused:
        paged(following(url, **changes))
    assert (refused.value.kind.status, refused.value.expression) == (status, "http._page")
    assert "search again" in refused.value.text


@pytest.mark.parametrize("token", ["", "x", "A" * 200, "é"])
def test_an_altered_or_unknown_link_is_refused(token: str) -> None:
    url = links(paged(asked())[0])["next"]
    for spoilt in (
        f"_page={token}",
        urlsplit(url).query[:-2],
        urlsplit(url).query.replace("_page=", "_page=A"),
    ):
        with pytest.raises(Failure) as refused:
            paged(asked(spoilt))
        assert refused.value.kind.status == 404


def test_a_key_that_is_gone_ends_its_links() -> None:
    url = links(paged(asked())[0])["next"]
    with pytest.raises(Failure) as refused:
        paged(following(url), keys=("two",))
    assert refused.value.kind.status == 404


def test_an_ordinary_link_stays_under_1500_characters() -> None:
    query = (
        "name=Zzyzx&birthdate=ge1980-01-01T00:00:00&birthdate=lt1990-01-01T00:00:00&_count=50&_sort=-birthdate"
        "&_include=Patient:general-practitioner&_include:iterate=PractitionerRole:practitioner"
        "&_revinclude=Condition:patient&_revinclude=Observation:subject&_elements=name,birthDate,identifier"
    )
    token = "Qm9" * 130
    bundle = BUNDLE | {"link": [{"relation": "next", "url": f"{UP}/Patient?_page_token={token}&{query}"}]}
    assert max(map(len, links(paged(asked(query), bundle)[0]).values())) < 1500


def test_a_format_asked_for_in_the_url_stays_on_every_link() -> None:
    found = links(paged(asked("name=a&_format=json"))[0])
    assert all(parse_qs(urlsplit(url).query)["_format"] == ["json"] for url in found.values())
    _, inner = paged(following(found["next"]))
    assert "_format" not in inner.upstream_search.query


def test_what_the_upstream_ignored_is_not_in_self() -> None:
    answer = json_response(BUNDLE).replace(ignored_parameters=frozenset({"colour"}), page_positions={})
    found = links(paged(asked("colour=red&name=a"), answer)[0])
    assert found == {"self": f"{asked().public_base}/Patient?name=a"}


@pytest.mark.parametrize(
    "request_", [fhir_request("Patient/1"), fhir_request("metadata"), fhir_request("Patient/1/$summary")]
)
def test_other_interactions_keep_their_body(request_: FhirRequest) -> None:
    answer = json_response({"resourceType": "Bundle", "type": "document", "link": []})
    assert paged(request_, answer)[0].body == answer.body


def test_a_signed_searchset_keeps_its_links_and_bytes() -> None:
    answer = json_response(BUNDLE | {"signature": {"data": "eA=="}})
    assert paged(asked(), answer)[0].body == answer.body


def test_an_upstream_page_off_the_base_is_an_error_and_not_a_link() -> None:
    bundle = BUNDLE | {"link": [{"relation": "next", "url": "https://evil.example/Patient"}]}
    with pytest.raises(Failure) as refused:
        paged(asked(), bundle)
    assert refused.value.kind.status == 502
