"""What a caller's responses or a broken response teach changes nothing for others (issue 12)."""

import httpx
import pytest
from adversary.test_s04_failures import VISIT, declare_last_visit, visit_sent
from conftest import KEY, Pair, settings_for
from end_to_end.failing_gateway import FailingGateway, error_code, run_gateway
from support.secrets import SECRET

from gateway.emulator.sites import RELOCATED_SITE, SITES
from gateway.settings import Settings

#: It begins and ends as FHIR JSON does, so the client of the upstream does not refuse it.
BROKEN_STATEMENT = '{"resourceType":"CapabilityStatement","rest":[}'


def test_broken_statement_is_no_statement_without_dates(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="answer", status=200, body=BROKEN_STATEMENT, path="/metadata", times=1)
    declare_last_visit(gateway)
    response = gateway.ask("GET", VISIT)
    assert error_code(response.json()["issue"][0]) == "parameter-type-unknown"
    assert visit_sent(gateway.pair) == []
    gateway.ask("GET", VISIT)
    assert visit_sent(gateway.pair) == ["lt2026-04-15T12:00:00"]


@pytest.mark.parametrize("body", ['{"sites":[}', "{}"])
def test_broken_directory_says_nothing_about_a_successor(pair: Pair, body: str) -> None:
    pms_id = next(iter(SITES.values())).pms_id
    moved = {"time_zone": "Australia/Sydney", "pms_id": pms_id, "follow_relocation": True}
    sections = settings_for(pair.emulator.url).model_dump()
    sections |= {"sites": {RELOCATED_SITE: moved}, "admin": {"token": SECRET}}
    pair.fault(kind="answer", status=200, body=body, path=r"/integrator/sites\?", times=1)
    with run_gateway(Settings.model_validate(sections)) as url, httpx.Client(trust_env=False) as client:
        read = f"{url}/integrator/sites/{RELOCATED_SITE}/fhir/R4/Patient?_count=1"
        assert client.get(read, headers=KEY).status_code == 403
        # The operator ends the pause that a refused GUID causes.
        reset = f"{url}/admin/sites/{RELOCATED_SITE}/reset"
        assert client.post(reset, headers={"Authorization": f"Bearer {SECRET}"}).status_code == 200
        assert client.get(read, headers=KEY).status_code == 200
