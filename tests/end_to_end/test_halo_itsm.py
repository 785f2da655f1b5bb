"""HaloITSM end to end: client, gateway and emulator over real sockets."""

import json
import os
import re
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256, shake_256
from pathlib import Path
from time import monotonic

import httpx
import pytest
from end_to_end.failing_gateway import checked_issue, error_code
from end_to_end.itsm_gateway import (
    FHIR,
    JSON,
    OUTCOMES,
    PAGE,
    TOKEN_FORM,
    ItsmGateway,
    itsm_settings,
    run_itsm_gateway,
)

from gateway.emulator.halo_itsm.app import create_halo_itsm
from gateway.emulator.halo_itsm.data import FIELDS_LIKE_ERRORS
from gateway.emulator.halo_itsm.errors import ERRORS
from gateway.emulator.serve import RunningEmulator
from gateway.settings import load

#: Statuses after which a client may try again; HaloITSM never says when.
WAIT_STATUSES = {429, 500, 502, 503}


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with RunningEmulator(app=create_halo_itsm()) as running:
        yield running


@pytest.fixture
def itsm(emulator: RunningEmulator) -> Iterator[ItsmGateway]:
    """A new gateway for each test, because failures open circuits and start pauses."""
    with run_itsm_gateway(emulator, itsm_settings(emulator.url)) as gateway:
        yield gateway


def test_page_lists_every_error_of_emulator() -> None:
    assert OUTCOMES.keys() == ERRORS.keys()
    forms = dict(re.findall(r"^\| `([a-z-]+)` \| (\d{3} [^|]+) \|", PAGE, re.MULTILINE))
    assert {kind: int(form[:3]) for kind, form in forms.items()} == {
        kind: error.status for kind, error in ERRORS.items()
    }


@pytest.mark.parametrize("kind", ERRORS)
def test_json_client_gets_error_as_it_came(itsm: ItsmGateway, kind: str) -> None:
    itsm.inject(kind)
    response, error = itsm.send("/api/tickets", headers=JSON), ERRORS[kind]
    assert (response.status_code, response.content) == (error.status, error.body)
    assert response.headers.get("content-type", "") == error.media_type
    assert ("retry-after" in response.headers) is (error.status in WAIT_STATUSES)
    assert dict(error.headers).items() <= dict(response.headers).items()


@pytest.mark.parametrize(
    "accept",
    ["*/*", "text/csv", "application/json, */*;q=0.5", "application/fhir+json;q=0.1, application/json"],
)
def test_any_other_client_gets_error_as_it_came(itsm: ItsmGateway, accept: str) -> None:
    for kind in ("deleted", "duplicate"):
        itsm.inject(kind, times=1)
        response = itsm.send("/api/tickets", headers={"accept": accept})
        assert (response.status_code, response.content) == (ERRORS[kind].status, ERRORS[kind].body)


@pytest.mark.parametrize("kind", ERRORS)
def test_fhir_client_gets_outcome_with_advice(itsm: ItsmGateway, kind: str) -> None:
    status, code = OUTCOMES[kind]
    itsm.inject(kind)
    issue = checked_issue(itsm.send("/api/tickets", headers=FHIR), status)
    assert error_code(issue) == code
    assert len(itsm.sent()) == 1


def test_advice_for_late_report_speaks_of_reports(itsm: ItsmGateway) -> None:
    itsm.emulator.control("PATCH", "settings", {"report_seconds": 0.1})
    late = itsm.send("/api/report/2?loadreport=true", headers=FHIR)
    assert "report" in checked_issue(late, 504)["details"]["text"]
    assert itsm.send("/api/report/2?loadreport=false", headers=FHIR).json()["id"] == 2


@pytest.mark.parametrize("headers", [JSON, FHIR, {"accept": "*/*"}], ids=["json", "fhir", "any"])
def test_ticket_with_fields_of_an_error_passes_untouched(itsm: ItsmGateway, headers: dict[str, str]) -> None:
    for number, fields in FIELDS_LIKE_ERRORS.items():
        path = f"/api/tickets/{number}"
        direct, response = itsm.send_directly(path, headers=headers), itsm.send(path, headers=headers)
        assert (response.status_code, response.content) == (200, direct.content)
        assert response.headers["content-type"] == direct.headers["content-type"]
        assert fields.items() <= response.json().items()


@pytest.mark.parametrize("headers", [JSON, FHIR], ids=["json", "fhir"])
def test_bare_fields_of_an_error_pass_under_success(itsm: ItsmGateway, headers: dict[str, str]) -> None:
    for fields in FIELDS_LIKE_ERRORS.values():
        for status in (200, 201):
            itsm.inject("answer", status=status, body=fields, times=1)
            response = itsm.send("/api/tickets/1", headers=headers)
            assert (response.status_code, response.json()) == (status, fields)


def test_pages_are_walked_to_the_end(itsm: ItsmGateway) -> None:
    ids: list[int] = []
    count, number = 1, 1
    while len(ids) < count:
        page = itsm.send(f"/api/tickets?pageinate=true&page_no={number}&page_size=50").json()
        ids += [ticket["id"] for ticket in page["tickets"]]
        count, number = page["record_count"], number + 1
    assert ids == list(range(1, 121))
    queries = [request["query"] for request in itsm.sent()]
    assert queries == [f"pageinate=true&page_no={page}&page_size=50" for page in (1, 2, 3)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/users/jane%20doe%40example.com", 1),
        ("/api/users/jane%20doe@example.com", 1),
        ("/api/users/Jane%20Doe", 1),
        ("/api/users/O%27Brien%2C%20Siobh%C3%A1n", 2),
        ("/api/users/O'Brien,%20Siobh%C3%A1n", 2),
        ("/api/lookup/1,2", None),
        ("/api/lookup/1%2C2", None),
        ("/api/lookup?ids=1,2", None),
        ("/api/lookup?ids=1%2C2", None),
        ("/api/Agent/1", 1),
    ],
)
def test_path_with_special_characters_arrives(itsm: ItsmGateway, path: str, expected: int | None) -> None:
    response = itsm.send(path)
    assert response.status_code == 200, response.text
    records = response.json()
    assert records["id"] == expected if expected else [record["id"] for record in records] == [1, 2]
    (request,) = itsm.sent()
    direct = httpx.URL(f"{itsm.emulator.url}{path}")
    assert request["path"] == direct.path
    assert request["query"] == direct.query.decode()


@pytest.mark.parametrize("path", ["/api/../auth/token", "/api/%2e%2e/x", "/api/users/a%00"])
def test_path_that_could_leave_the_api_is_refused(itsm: ItsmGateway, path: str) -> None:
    transport = httpx.HTTPTransport()
    url = httpx.URL(itsm.url)
    target = httpx.URL(scheme="http", host=url.host, port=url.port, raw_path=f"/itsm{path}".encode())
    with httpx.Client(transport=transport) as client:
        response = client.get(target, headers=itsm.client.headers)
    assert 400 <= response.status_code < 500
    assert itsm.sent() == []


def test_attachment_of_14_mb_goes_up_and_down(itsm: ItsmGateway) -> None:
    content = shake_256(b"synthetic").digest(14_000_000)
    body = json.dumps([{"filename": "a.bin", "data_base64": b64encode(content).decode()}]).encode()
    assert 18_000_000 < len(body) < 20_000_000
    created = itsm.send("/api/attachment", "POST", content=body)
    assert created.status_code == 201, created.text
    (request,) = itsm.sent()
    assert (request["size"], request["sha256"]) == (len(body), sha256(body).hexdigest())
    download = itsm.send(f"/api/attachment/{created.json()['id']}", headers={"accept": "*/*"})
    assert download.content == content
    assert download.headers["content-disposition"] == 'attachment; filename="a.bin"'


def test_body_over_20_mb_is_refused_unsent(itsm: ItsmGateway) -> None:
    response = itsm.send("/api/attachment", "POST", content=b"[" + b" " * 20_000_000)
    assert response.status_code == 413
    assert itsm.sent() == []


def test_token_request_passes_with_its_errors(itsm: ItsmGateway) -> None:
    del itsm.client.headers["authorization"]
    info = itsm.send("/api/authinfo")
    assert info.json() == {"auth_url": f"{itsm.emulator.url}/auth", "tenant_id": "demo"}
    refused = itsm.send("/auth/token", "POST", data=TOKEN_FORM | {"client_secret": "wrong"})
    assert (refused.status_code, refused.content) == (401, ERRORS["invalid-client"].body)
    as_outcome = itsm.send("/auth/token", "POST", data=TOKEN_FORM | {"client_secret": "wrong"}, headers=FHIR)
    assert error_code(checked_issue(as_outcome, 401)) == "upstream-credentials"


def test_calls_of_haloapi_work_by_its_source(itsm: ItsmGateway) -> None:
    """The calls of the PowerShell module, written by hand."""
    info = itsm.send("/api/authinfo").json()
    assert info["auth_url"] == f"{itsm.emulator.url}/auth"
    form = TOKEN_FORM | {"scope": "all"}
    token = itsm.send(f"/auth/token?tenant={info['tenant_id']}", "POST", data=form).json()
    headers = {
        "authorization": f"{token['token_type']} {token['access_token']}",
        "content-type": "application/json; charset=utf-8",
    }
    assert len(itsm.send("/api/lookup?lookupid=11", headers=headers).json()) == 4
    ids, number, count = [], 1, 1
    while number <= -(-count // 50):  # Ceiling(record_count / page_size)
        page = itsm.send(f"/api/asset?page_size=50&pageinate=true&page_no={number}", headers=headers).json()
        ids, number, count = ids + [item["id"] for item in page["assets"]], number + 1, page["record_count"]
    assert len(set(ids)) == len(ids) == count
    body = json.dumps([{"inventory_number": "PC-9999"}])
    created = itsm.send("/api/asset", "POST", headers=headers, content=body).json()
    assert itsm.send(f"/api/Asset/{created['id']}", "DELETE", headers=headers).json() == created
    refused = itsm.send("/api/asset", "POST", headers=headers, content='[{"client_id": "one"}]')
    assert halo_api_message(refused) == "System.FormatException: Input string was not in a correct format."


def halo_api_message(response: httpx.Response) -> str:
    """What HaloAPI shows of an error's body (its order of forms, facts of `New-HaloError.ps1`)."""
    fields = response.json()
    if {"resultCode", "errorMessage"} <= fields.keys():
        return f"{fields['resultCode']}: {fields['errorMessage']}."
    if {"ClassName", "Message"} <= fields.keys():
        return f"{fields['ClassName']}: {fields['Message']}"
    return str(fields.get("Message") or fields.get("error") or response.text)


def test_upstream_gets_the_token_of_the_client(itsm: ItsmGateway) -> None:
    itsm.send("/api/agent")
    (request,) = itsm.sent()
    assert request["headers"]["authorization"] == itsm.client.headers["authorization"]


def test_write_whose_response_is_lost_is_sent_once(itsm: ItsmGateway) -> None:
    itsm.inject("lost", method="POST")
    response = itsm.send("/api/tickets", "POST", json=[{"summary": "Zzyzx"}])
    assert response.status_code in {502, 504}
    assert len(itsm.sent()) == 1
    itsm.emulator.control("DELETE", "faults")
    assert itsm.send_directly("/api/tickets?search=Zzyzx").json()["record_count"] == 1


def test_write_and_deletion_pass_unchanged(itsm: ItsmGateway) -> None:
    body = b'[ {"summary": "Zzyzx", "estimate": 1.0, "status": "open", "message": "x"} ]'
    created = itsm.send("/api/tickets", "POST", content=body)
    assert (created.status_code, itsm.sent()[0]["text"]) == (201, body.decode())
    assert b'"estimate":1.0' in created.content
    number = created.json()["id"]
    assert itsm.send(f"/api/tickets/{number}", "DELETE").status_code == 200
    gone = itsm.send(f"/api/tickets/{number}")
    assert (gone.status_code, gone.content) == (404, ERRORS["deleted"].body)


def test_rate_is_paced_so_that_no_request_is_refused(emulator: RunningEmulator) -> None:
    limits = [{"requests": 3, "seconds": 0.5}]
    with run_itsm_gateway(emulator, itsm_settings(emulator.url, rate_limits=limits)) as itsm:
        emulator.control("PATCH", "settings", {"rate_windows": []})
        started = monotonic()
        statuses = [itsm.send(f"/api/agent/{number}").status_code for number in range(1, 8)]
        assert monotonic() - started > 0.9  # at the upstream, a busy machine may bring them closer together
        assert len(itsm.sent()) == 7
    assert statuses == [200] * 7


def test_rate_of_one_token_does_not_slow_another(emulator: RunningEmulator) -> None:
    limits = [{"requests": 2, "seconds": 600.0}]
    with run_itsm_gateway(emulator, itsm_settings(emulator.url, rate_limits=limits)) as itsm:
        statuses = [itsm.send("/api/agent/1").status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert len(itsm.sent()) == 2
        other = itsm.client.post(f"{emulator.url}/auth/token", data=TOKEN_FORM).json()["access_token"]
        response = itsm.send("/api/agent/1", headers={"authorization": f"Bearer {other}"})
        assert response.status_code == 200


def page_blocks(language: str) -> list[str]:
    """Code blocks of the page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_configuration_of_the_page_runs_a_gateway(emulator: RunningEmulator, tmp_path: Path) -> None:
    (block,) = page_blocks("toml")
    path = tmp_path / "gateway.toml"
    path.write_text(block.replace("https://practice.haloitsm.com", emulator.url))
    settings = load(path)
    itsm = settings.upstreams["itsm"]
    defaults = itsm_settings(emulator.url).upstreams["itsm"]
    assert (itsm.request_body_limit, itsm.rate_windows) == (
        defaults.request_body_limit,
        defaults.rate_windows,
    )
    assert itsm.timeouts == defaults.timeouts
    with run_itsm_gateway(emulator, settings) as gateway:
        assert gateway.send("/api/agent/1").json()["id"] == 1


def test_every_command_of_the_page_prints_what_it_says(itsm: ItsmGateway) -> None:
    blocks = re.findall(r"^```(sh|json)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    commands = [(language, text) for language, text in blocks if "halo-gateway" not in text]
    script = "".join(f"{text.strip()}\necho ' #'\n" for language, text in commands if language == "sh")
    script = script.replace("http://127.0.0.1:8080/itsm", itsm.url)
    completed = subprocess.run(
        ["bash", "-euc", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "NO_PROXY": "*"},
    )
    outputs = [output.strip() for output in completed.stdout.replace(itsm.emulator.url, "#").split(" #\n")]
    shown = [output.replace("#", "http://127.0.0.1:9090") for output in outputs if output]
    expected = [text.strip() for language, text in commands if language == "json"]
    assert list(map(decode, shown)) == list(map(decode, expected))


def decode(text: str) -> object:
    """The value of a JSON text; any other text as it is."""
    return json.loads(text) if text.startswith("{") else text
