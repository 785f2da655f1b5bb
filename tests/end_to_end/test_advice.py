"""Advice of the whole gateway over real sockets: a costly pattern is seen, carried out better, and gone."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from conftest import KEY, Pair, settings_for
from support.secrets import SECRET

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Admin, Ledger

ADMIN = {"Authorization": f"Bearer {SECRET}"}


class Gateway:
    """A gateway with admin endpoints and prices."""

    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, path: str) -> Any:
        url = f"{self._url}/integrator/sites/{SYDNEY}/fhir/R4/{path}"
        return httpx.get(url, headers=KEY, timeout=30, trust_env=False).json()

    def advice(self) -> dict[str, Any]:
        response = httpx.get(f"{self._url}/admin/advice", headers=ADMIN, trust_env=False)
        assert response.status_code == httpx.codes.OK, response.text
        return {each["id"]: each for each in response.json()["advice"]}

    def advice_text(self) -> str:
        return httpx.get(f"{self._url}/admin/advice", headers=ADMIN, trust_env=False).text


@pytest.fixture
def gateway(pair: Pair) -> Iterator[Gateway]:
    settings = settings_for(pair.emulator.url).model_copy(
        update={"admin": Admin(token=SECRET), "ledger": Ledger(price_per_query=0.5)}
    )
    with ThreadedServer(create_app(settings)) as server:
        yield Gateway(server.url)


def test_reads_one_by_one_are_advised_with_their_price(gateway: Gateway) -> None:
    for number in range(1, 14):
        gateway.get(f"Patient/{number}")
    advice = gateway.advice()["reads-one-by-one"]
    assert advice["shape"] == "GET Patient/{id}"
    assert advice["instead"] == "GET Patient?_id=a,b,c"
    assert advice["queries"] >= 10
    assert advice["perDay"]["cost"] == pytest.approx(advice["perDay"]["queries"] * 0.5)


def test_windows_are_advised_until_one_search_replaces_them(gateway: Gateway) -> None:
    for day in range(1, 7):
        gateway.get(f"Slot?start=ge2026-06-0{day}&start=lt2026-06-0{day + 1}")
    assert gateway.advice()["loops-over-windows"]["shape"] == "GET Slot?start(ge,lt)"


def test_one_search_with_a_longer_window_is_no_finding(gateway: Gateway) -> None:
    gateway.get("Slot?start=ge2026-06-01&start=lt2026-06-08")
    assert gateway.advice() == {}


def test_tiny_pages_are_advised(gateway: Gateway) -> None:
    page = gateway.get("Patient?_count=1")
    for _ in range(11):
        links = {link["relation"]: link["url"] for link in page["link"]}
        if "next" not in links:
            pytest.fail("the emulator's practice has too few patients for this test")
        page = httpx.get(links["next"], headers=KEY, timeout=30, trust_env=False).json()
    assert gateway.advice()["walks-in-tiny-pages"]["instead"] == "GET Patient?_count=50"


def test_no_value_of_a_request_is_in_the_advice(gateway: Gateway) -> None:
    for number in range(12):
        gateway.get(f"Patient/Zzyzx{number}")
        gateway.get(
            f"Slot?start=ge2026-06-{number + 1:02}&Zzyzx=Zzyzx&schedule=Zzyzx&_tag=Zzyzx&_count=Zzyzx"
        )
    assert "zzyzx" not in gateway.advice_text().lower()
