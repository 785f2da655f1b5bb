"""Inactive records, which the upstream hides, over real sockets."""

import pytest
from conftest import Pair, settings_for
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome

from gateway.app import create_app
from gateway.emulator.sites import BRISBANE, SYDNEY
from gateway.server.serve import ThreadedServer


@pytest.mark.parametrize("query", ["active=false", "active:not=true&_summary=count", "active=false&_count=0"])
def test_search_for_inactive_patients_is_rejected_unsent(pair: Pair, query: str) -> None:
    assert pair.straight(f"Patient?{query}").json()["total"] == 0
    before = len(pair.sent())
    response = pair.get(f"Patient?{query}")
    outcome = OperationOutcome.model_validate_json(response.text)
    assert (response.status_code, outcome.issue[0].code) == (400, "not-supported")
    assert len(pair.sent()) == before


def test_setting_empty_gives_an_empty_bundle_with_outcome(pair: Pair) -> None:
    settings = settings_for(pair.emulator.url)
    sites = {
        guid: site.model_copy(update={"inactive_records": "empty"}) for guid, site in settings.sites.items()
    }
    with ThreadedServer(create_app(settings.model_copy(update={"sites": sites}))) as gateway:
        base = f"{gateway.url}/integrator/sites/{SYDNEY}/fhir/R4"
        response = pair.ask("GET", f"{base}/Patient?active=false&name=a")
        documentation = pair.ask("GET", f"{base}/metadata").json()["rest"][0]["documentation"]
    bundle = Bundle.model_validate_json(response.text)
    assert [entry.search.mode for entry in bundle.entry] == ["outcome"]
    assert bundle.entry[0].resource.issue[0].code == "incomplete"
    assert bundle.link[0].url.endswith("/Patient?active=false&name=a")
    assert bundle.total is None
    assert response.headers["gateway-repairs"] == "inactive-records"
    assert pair.sent()[-1]["path"] == f"/integrator/sites/{SYDNEY}/fhir/R4/metadata"
    assert "empty Bundle" in documentation


def test_not_found_mentions_inactive_records(pair: Pair) -> None:
    rows = pair.emulator.control("GET", f"truth/{BRISBANE}/Patient")
    inactive = next(row["resource"]["id"] for row in rows if not row["active"])
    for path in (f"Patient/{inactive}", "Patient/99999"):
        response = pair.get(path, BRISBANE)
        text = OperationOutcome.model_validate_json(response.text).issue[0].details.text
        assert response.status_code == 404
        assert "active" in text


def test_search_for_inactive_patients_is_sent_without_repair(pair: Pair) -> None:
    settings = settings_for(pair.emulator.url).model_copy(update={"repairs": {"inactive-records": False}})
    with ThreadedServer(create_app(settings)) as gateway:
        url = f"{gateway.url}/integrator/sites/{SYDNEY}/fhir/R4/Patient?active=false"
        assert pair.ask("GET", url).json()["total"] == 0
