"""One stored response for `patient=12` and `patient=Patient/12`, once the site answers both alike."""

from collections.abc import Iterator

import httpx
import pytest
from conftest import KEY, Pair, settings_for

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

BASE = f"/integrator/sites/{SYDNEY}/fhir/R4/"


@pytest.fixture
def url(pair: Pair) -> Iterator[str]:
    document = settings_for(pair.emulator.url).model_dump(exclude_unset=True, mode="json")
    settings = Settings.model_validate(document | {"cache": {"profile": "balanced"}})
    with ThreadedServer(create_app(settings)) as server:
        yield server.url + BASE


def get(url: str, query: str) -> httpx.Response:
    response = httpx.get(f"{url}{query}", headers=KEY, trust_env=False)
    assert response.status_code == 200
    return response


def is_hit(response: httpx.Response) -> bool:
    return "; hit" in response.headers["cache-status"]


def entries(response: httpx.Response) -> list[dict[str, object]]:
    return [entry["resource"] for entry in response.json()["entry"]]


def test_second_spelling_is_a_hit_after_the_proof(url: str) -> None:
    patients = {
        str(entry["subject"]["reference"]).rpartition("/")[2]  # type: ignore[index]
        for entry in entries(get(url, "Condition?_count=50"))
    }
    one, other = sorted(patients)[:2]
    assert not is_hit(get(url, f"Condition?patient={one}"))
    assert not is_hit(get(url, f"Condition?patient=Patient/{one}"))
    by_id = get(url, f"Condition?patient={other}")
    by_reference = get(url, f"Condition?patient=Patient/{other}")
    assert (is_hit(by_id), is_hit(by_reference)) == (False, True)
    assert entries(by_id) == entries(by_reference) != []
    links = [response.json()["link"][0]["url"] for response in (by_id, by_reference)]
    assert [link.rpartition("patient=")[2].partition("&")[0].replace("%2F", "/") for link in links] == [
        other,
        f"Patient/{other}",
    ]


def test_other_parameters_and_types_share_nothing(url: str) -> None:
    get(url, "Condition?patient=1")
    get(url, "Condition?patient=Patient/1")
    get(url, "Condition?subject=Patient/2")
    assert not is_hit(get(url, "Condition?subject=2"))
    get(url, "Observation?patient=1")
    assert not is_hit(get(url, "Observation?patient=Patient/1"))
