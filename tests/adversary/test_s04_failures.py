"""A failure is not knowledge (strangers.md S4): it is not kept, and replaces nothing that is known."""

import pytest
from conftest import Pair
from end_to_end.failing_gateway import FailingGateway, error_code

from gateway.emulator.sites import SYDNEY

BASE = f"/integrator/sites/{SYDNEY}/fhir/R4"
VISIT = f"{BASE}/Patient?last-visit=lt2026-04-15T10:00:00%2B08:00"
WRONG = {"Ocp-Apim-Subscription-Key": "made-up"}


STATEMENT = {
    "resourceType": "CapabilityStatement",
    "rest": [{"resource": [{"type": "Patient", "searchParam": [{"name": "last-visit", "type": "date"}]}]}],
}


def declare_last_visit(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="answer", status=200, body=STATEMENT, path="/metadata", key="demo-key")


def visit_sent(pair: Pair) -> list[object]:
    """Values of `last-visit` that reached the upstream."""
    sent = (dict(request["parameters"]) for request in pair.sent() if request["parameters"])  # type: ignore[call-overload]
    return [parameters["last-visit"] for parameters in sent if "last-visit" in parameters]


def test_statement_refused_to_a_wrong_key_is_not_kept(gateway: FailingGateway) -> None:
    declare_last_visit(gateway)
    assert gateway.ask("GET", f"{BASE}/Patient?foo=1", headers=WRONG).status_code == 401
    gateway.ask("GET", VISIT)
    assert visit_sent(gateway.pair) == ["lt2026-04-15T12:00:00"]


@pytest.mark.parametrize("kind", ["no-contact", "offline", "reset", "quota"])
def test_date_of_an_unknown_parameter_goes_up_never_raw(gateway: FailingGateway, kind: str) -> None:
    gateway.pair.fault(kind=kind, path="/metadata", times=20)
    response = gateway.ask("GET", VISIT)
    assert response.status_code >= 400
    assert visit_sent(gateway.pair) == []


def test_outage_of_the_statement_is_over_with_the_outage(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="answer", status=500, body={}, path="/metadata", times=1)
    declare_last_visit(gateway)
    response = gateway.ask("GET", VISIT)
    assert error_code(response.json()["issue"][0]) == "parameter-type-unknown"
    assert response.status_code == 503
    gateway.ask("GET", VISIT)
    assert visit_sent(gateway.pair) == ["lt2026-04-15T12:00:00"]
