from base64 import b64decode, b64encode

import httpx
import pytest
from emulator.halo_client import HaloClient
from emulator.sql.sql_client import filing, query, registration

from gateway.emulator.sites import BRISBANE, SYDNEY

DESKTOP = f"/desktop/sites/{SYDNEY}/queries"
INTEGRATOR = f"/integrator/sites/{SYDNEY}/queries"


@pytest.fixture
def desktop(halo: HaloClient) -> httpx.Client:
    form = {
        "grant_type": "urn:halo-connect:oauth:desktop-token",
        "device_id": "d-1",
        "site_id": SYDNEY,
    }
    token = halo.http.post("/integrator/token", data=form).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "DeviceId": "d-1"}
    return httpx.Client(base_url=halo.emulator.url, headers=headers, timeout=10)


def test_desktop_api_takes_queries_with_its_own_credentials(desktop: httpx.Client, halo: HaloClient) -> None:
    assert desktop.post(f"{DESKTOP}/immediate", json=query()).status_code == 200
    accepted = desktop.post(f"{DESKTOP}/async", json=query())
    assert accepted.status_code == 201
    assert desktop.get(f"{DESKTOP}/{accepted.json()['id']}").status_code == 200
    assert desktop.post(f"{DESKTOP}/registered", json=registration()).status_code == 201
    assert len(desktop.get(f"{DESKTOP}/registered").json()["registeredQueries"]) == 1
    assert halo.send(f"{INTEGRATOR}/registered").json()["registeredQueries"] == []
    desktop.close()


def test_desktop_api_has_neither_batch_nor_stream(desktop: httpx.Client) -> None:
    query_id = desktop.post(f"{DESKTOP}/async", json=query()).json()["id"]
    assert desktop.post(f"{DESKTOP}/status", json={"queryIds": [query_id]}).status_code == 404
    assert desktop.get(f"{DESKTOP}/{query_id}/results/1/stream").status_code == 404
    desktop.close()


def test_credentials_are_checked_before_the_query(desktop: httpx.Client, halo: HaloClient) -> None:
    other_site = f"/desktop/sites/{BRISBANE}/queries/immediate"
    assert desktop.post(other_site, json=query()).status_code == 401
    assert httpx.post(f"{halo.emulator.url}{INTEGRATOR}/immediate", json=query()).status_code == 401
    assert halo.emulator.control("GET", "bill")["queries"] == 0
    desktop.close()


def test_large_document_in_sql_text_is_filed_byte_for_byte(halo: HaloClient) -> None:
    document = bytes(range(256)) * 4_000
    names = ("PatientId", "Title", "DocumentId")
    parameters = [each for each in filing("")["command"]["parameters"] if each["name"] != "@Content"]
    text = (
        f"DECLARE @Content varbinary(max);\nSET @Content = 0x{document.hex()};\n"
        "EXECUTE @returnValue = [dbo].[FileDocument] @Content = @Content, "
        f"{', '.join(f'@{name} = @{name}' for name in names)} OUTPUT;"
    )
    parameters.append({"name": "@returnValue", "type": "Int", "direction": "output"})
    url = f"{INTEGRATOR}/immediate"
    refused = halo.send(url, method="POST", json=filing(b64encode(document).decode()))
    assert (refused.status_code, halo.emulator.control("GET", "executions")) == (400, [])
    filed = halo.send(url, method="POST", json=query(text, executionMode="nonQuery", parameters=parameters))
    assert filed.status_code == 200, filed.text
    outputs = {each["name"]: each["value"] for each in filed.json()["result"]["parameters"]}
    assert outputs == {"@DocumentId": "1", "@returnValue": "0"}
    (execution,) = halo.emulator.control("GET", "executions")
    assert b64decode(execution["arguments"]["@Content"]["value"]) == document


def test_journal_keeps_the_start_of_a_large_body(halo: HaloClient) -> None:
    halo.send(f"{INTEGRATOR}/immediate", method="POST", json=query("SELECT 1" + " " * 200_000))
    (entry,) = halo.emulator.control("GET", "requests")
    assert len(entry["text"]) == 64 * 1024 < entry["size"]
    assert len(entry["sha256"]) == 64


def test_bill_has_one_line_for_all_polls(halo: HaloClient) -> None:
    for _ in range(2):
        query_id = halo.send(f"{INTEGRATOR}/async", method="POST", json=query()).json()["id"]
        halo.send(f"{INTEGRATOR}/{query_id}")
    lines = {line["path"].rpartition("/")[2]: line for line in halo.emulator.control("GET", "bill")["lines"]}
    assert set(lines) == {"async", "{id}"}
    assert (lines["async"]["queries"], lines["{id}"]["queries"], lines["{id}"]["free"]) == (2, 0, 2)
