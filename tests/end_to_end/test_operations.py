"""Operations through the whole gateway: their dates and their pages."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from conftest import KEY, Pair

from gateway.emulator.sites import SYDNEY

FHIR = {"Content-Type": "application/fhir+json"}


@pytest.fixture(autouse=True)
def _more_operations(pair: Pair) -> None:
    pair.settings(variants={"more_operations": True})


def bundles(first: httpx.Response) -> Iterator[dict[str, Any]]:
    """A Bundle and all that its `next` links lead to."""
    response = first
    while True:
        assert response.status_code == 200, response.text
        bundle = response.json()
        yield bundle
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        if "next" not in links:
            return
        response = httpx.get(links["next"], headers=KEY, timeout=30, trust_env=False)


def rows_of(first: httpx.Response) -> list[str]:
    entries = [entry for bundle in bundles(first) for entry in bundle["entry"]]
    return [f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in entries]


def post(pair: Pair, path: str, *parameters: Any) -> httpx.Response:
    body = {"resourceType": "Parameters", "parameter": list(parameters)}
    return httpx.post(
        f"{pair.base()}/{path}", content=json.dumps(body), headers=KEY | FHIR, timeout=30, trust_env=False
    )


LINK_FORMS = ("absolute-internal", "root-relative", "query-only")
#: The pages of `$find-free` are pages of a search, so that its links cannot be relative to itself.
OPERATIONS = [
    *(("Patient/1/$everything?", form) for form in LINK_FORMS),
    *(("Observation/$lastn?max=3&", form) for form in LINK_FORMS),
    *(("Slot/$find-free?", form) for form in LINK_FORMS[:2]),
]


@pytest.mark.parametrize(("path", "form"), OPERATIONS)
@pytest.mark.parametrize("paging", ["token", "offset", "page"])
def test_pages_of_an_operation_have_every_record_once(pair: Pair, path: str, paging: str, form: str) -> None:
    """`page` numbers its pages by `_page`, which is also the name of the gateway's token."""
    pair.settings(variants={"paging": paging, "link_form": form})
    whole = rows_of(pair.get(f"{path}_count=900"))
    assert len(whole) > 8
    paged = rows_of(pair.get(f"{path}_count={len(whole) // 4}"))
    assert paged == whole


def test_page_links_of_an_operation_show_nothing(pair: Pair) -> None:
    bundle = pair.get("Observation/$lastn?patient=Patient/1&_count=1").json()
    links = {link["relation"]: link["url"] for link in bundle["link"]}
    assert links.pop("self") == f"{pair.base()}/Observation/$lastn?patient=Patient/1&_count=1"
    assert all(url.startswith(f"{pair.base()}/Observation/$lastn?_page=") for url in links.values())
    assert not any("Patient/1" in url for url in links.values())


def test_pages_of_a_posted_operation_are_read_by_get(pair: Pair) -> None:
    count = {"name": "_count", "valueInteger": 5}
    assert rows_of(post(pair, "Patient/1/$everything", count)) == rows_of(
        pair.get("Patient/1/$everything?_count=900")
    )
    assert [request["method"] for request in pair.sent()][:2] == ["POST", "GET"]


def test_page_link_is_for_its_own_operation_and_key(pair: Pair) -> None:
    bundle = pair.get("Patient/1/$everything?_count=5").json()
    url = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
    other = {"Ocp-Apim-Subscription-Key": "other-key"}
    assert httpx.get(url, headers=other, trust_env=False).status_code == 404
    moved = url.replace("Patient/1/", "Patient/2/")
    assert httpx.get(moved, headers=KEY, trust_env=False).status_code == 404


@pytest.mark.parametrize(
    ("path", "query", "sent"),
    [
        ("Patient/1/$everything", "start=2026-02&end=2026-02", {"start": "2026-02-01", "end": "2026-02-28"}),
        ("Patient/1/$everything", "_since=2026-01-01T00:00:00Z", {"_since": "2026-01-01T11:00:00"}),
        ("Slot/$find-free", "start=2026-06-30T23:00:00Z", {"start": "2026-07-01T09:00:00"}),
        (
            "Observation/$lastn",
            "_lastUpdated=ge2026-06-30T23:00:00Z",
            {"_lastUpdated": "ge2026-07-01T09:00:00"},
        ),
    ],
)
def test_date_of_an_operation_is_sent_in_an_accepted_format(
    pair: Pair, path: str, query: str, sent: dict[str, str]
) -> None:
    response = pair.get(f"{path}?{query}")
    assert response.status_code == 200, response.text
    assert "search-date-format" in response.headers["gateway-repairs"]
    parameters: Any = pair.sent()[0]["parameters"]
    assert dict(parameters) == sent


def test_result_of_an_instant_is_that_of_the_practice_time(pair: Pair) -> None:
    zoned = rows_of(pair.get("Slot/$find-free?start=2026-04-05T23:00:00Z&end=2026-04-06T23:00:00Z"))
    straight = pair.straight("Slot/$find-free?start=2026-04-06T09:00:00&end=2026-04-07T09:00:00&_count=900")
    assert zoned == [f"Slot/{entry['resource']['id']}" for entry in straight.json()["entry"]]


def test_dates_in_parameters_are_sent_as_the_upstream_takes_them(pair: Pair) -> None:
    start = {"name": "start", "valueDateTime": "2026-06-30T23:00:00Z"}
    assert post(pair, "Slot/$find-free", start).status_code == 200
    (request,) = pair.sent()
    body = json.loads(str(request["text"]))
    assert body["parameter"] == [start | {"valueDateTime": "2026-07-01T09:00:00"}]


@pytest.mark.parametrize(
    "query",
    [
        "Patient/1/$everything?start=2026-02-01T09:00:00%2B11:00",
        "Patient/1/$everything?_since=2026-02-01T09:00:00.5Z",
        "Slot/$find-free?start=2026",
        "Slot/$find-free?end=2026-02-01T09:00:00.5Z",
        "Slot/$find-free?end=yesterday",
        "Observation/$lastn?date=2026-02",
        "Patient/$match?born=2026-02-01T09:00:00Z",
        "Patient/1/_history?_at=2026-02",
    ],
)
def test_date_that_cannot_be_exact_is_refused_before_sending(pair: Pair, query: str) -> None:
    response = pair.get(query)
    assert response.status_code == 400
    assert response.json()["issue"][0]["details"]["coding"][0]["code"] in {"bad-date", "date-not-expressible"}
    assert pair.sent() == []


def test_inexact_date_in_parameters_is_refused_before_sending(pair: Pair) -> None:
    response = post(pair, "Slot/$find-free", {"name": "asOf", "valueInstant": "2026-02-01T09:00:00Z"})
    assert response.status_code == 400
    assert pair.sent() == []


def test_next_of_an_operation_in_a_batch_works(pair: Pair) -> None:
    entry = {"request": {"method": "GET", "url": "Patient/1/$everything?_count=5"}}
    body = {"resourceType": "Bundle", "type": "batch", "entry": [entry]}
    response = httpx.post(
        pair.base(SYDNEY), content=json.dumps(body), headers=KEY | FHIR, timeout=30, trust_env=False
    )
    bundle = response.json()["entry"][0]["resource"]
    url = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
    first = [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle["entry"]]
    rest = rows_of(httpx.get(url, headers=KEY, timeout=30, trust_env=False))
    assert first + rest == rows_of(pair.get("Patient/1/$everything?_count=900"))
