"""304 only for the same bytes, whatever ETags the upstream sends; ready responses and a clock set back."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from conftest import KEY, settings_for
from support.requests import NOW

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Cache

FHIR = {"content-type": "application/fhir+json"}
BASE = f"/integrator/sites/{SYDNEY}/fhir/R4/"


class Practice:
    """An upstream whose ETag never changes, the gateway's clocks, and a client of the gateway."""

    def __init__(self) -> None:
        self.family, self.next_link, self.offset, self.seconds = "Testperson", False, 0.0, 0.0
        settings = settings_for("http://upstream.example").model_copy(update={"cache": Cache()})
        app = create_app(
            settings,
            transport=httpx.MockTransport(self.respond),
            now=lambda: NOW + timedelta(seconds=self.offset + self.seconds),
            monotonic=lambda: self.seconds,
        )
        self.server = ThreadedServer(app)

    def respond(self, request: httpx.Request) -> httpx.Response:
        """Answer a search with two pages, a read, or a write, always with the same strong ETag."""
        path = request.url.path.partition("/fhir/R4/")[2]
        resource: dict[str, Any] = {
            "resourceType": path.partition("/")[0],
            "id": "1",
            "birthDate": "1985-02-03",
        }
        resource |= {"name": [{"family": self.family * 500}], "gender": "female"}
        resource |= {"participant": [{"actor": {"reference": "Patient/1"}}]}
        body: dict[str, Any] = resource
        if path in {"Patient", "Appointment"} and request.method == "GET":
            link = {"relation": "next", "url": f"{request.url}&_page_token=2"}
            body = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": resource}]}
            body |= {"link": [link]} if self.next_link else {}
        if path.startswith("Binary"):
            content = {"contentType": "text/plain", "data": "SGk="}
            return httpx.Response(200, json=resource | content)
        return httpx.Response(200, json=body, headers={"etag": '"1"', "last-modified": "x"})

    def get(self, path: str, **headers: str) -> httpx.Response:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.get(self.server.url + BASE + path, headers=KEY | fields, trust_env=False)


@pytest.fixture
def practice() -> Iterator[Practice]:
    practice = Practice()
    with practice.server:
        yield practice


@pytest.mark.parametrize("path", ["Patient/1", "Patient?_id=1", "Patient?birthdate=ne1980&_count=50"])
def test_constant_etag_of_upstream_gives_no_304(practice: Practice, path: str) -> None:
    first = practice.get(path)
    practice.family = "Changed"
    practice.seconds = 61
    second = practice.get(path, if_none_match=f'{first.headers["etag"]}, "1", W/"1"')
    assert (second.status_code, "Changed" in second.text) == (200, True)


@pytest.mark.parametrize("cache_control", ["max-age=60", "no-cache", "no-store"])
def test_constant_etag_after_a_write_gives_no_304(practice: Practice, cache_control: str) -> None:
    first = practice.get("Patient/1")
    practice.family = "Changed"
    changed = {"resourceType": "Patient", "id": "1"}
    httpx.put(practice.server.url + BASE + "Patient/1", json=changed, headers=KEY | FHIR, trust_env=False)
    second = practice.get(
        "Patient/1", if_none_match=first.headers["etag"] + ', "1"', cache_control=cache_control
    )
    assert (second.status_code, "Changed" in second.text) == (200, True)


def test_page_that_gains_a_next_link_is_modified(practice: Practice) -> None:
    first = practice.get("Patient?gender=female&_count=1")
    practice.next_link = True
    fields = {"if_none_match": first.headers["etag"], "cache_control": "no-cache"}
    second = practice.get("Patient?gender=female&_count=1", **fields)
    assert (second.status_code, [link["relation"] for link in second.json()["link"]]) == (
        200,
        ["self", "next"],
    )
    fields["if_none_match"] = second.headers["etag"]
    assert practice.get("Patient?gender=female&_count=1", **fields).status_code == 304


@pytest.mark.parametrize("cache_control", ["no-cache", "no-store"])
def test_page_has_no_validator_of_the_upstream(practice: Practice, cache_control: str) -> None:
    page = practice.get("Patient?birthdate=ne1980", cache_control=cache_control)
    assert page.headers.get("etag", 'W/"gw-').startswith('W/"gw-')
    assert "last-modified" not in page.headers


def test_compressed_form_has_no_strong_etag(practice: Practice) -> None:
    for _ in range(3):
        responses = [practice.get("Patient/1", accept_encoding=coding) for coding in ("identity", "gzip")]
    while "content-encoding" not in (compressed := practice.get("Patient/1", accept_encoding="gzip")).headers:
        pass
    assert compressed.headers["etag"] == responses[0].headers["etag"] == 'W/"1"'


def test_clock_set_back_keeps_no_ready_response(practice: Practice) -> None:
    statuses = [practice.get("Appointment?patient=1").headers["cache-status"] for _ in range(3)]
    assert "hit" in statuses[-1]
    practice.offset = -3_600
    practice.seconds += 4
    assert practice.get("Appointment?patient=1").headers["age"] == "4"
    practice.family, practice.seconds = "Changed", practice.seconds + 2
    assert "Changed" in practice.get("Appointment?patient=1").text


@pytest.mark.parametrize(("accept", "status"), [("text/plain", 200), ("image/png", 406)])
def test_etag_stands_for_no_other_form_of_a_binary(practice: Practice, accept: str, status: int) -> None:
    etag = practice.get("Binary/1", accept=FHIR["content-type"]).headers["etag"]
    for condition in (etag, "*", etag):
        response = practice.get("Binary/1", accept=accept, if_none_match=condition)
        assert (response.status_code, response.content == b"Hi") == (status, status == 200)
        assert practice.get("Binary/1", accept=accept).content == response.content  # also a ready answer
    assert practice.get("Binary/1", accept=FHIR["content-type"], if_none_match=etag).status_code == 304
