"""Operators' commands against a running gateway."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from conftest import Pair, settings_for
from structlog.testing import capture_logs
from support.secrets import OTHER_SECRET, SECRET

from gateway.admin.client import AdminClient
from gateway.app import create_app
from gateway.cli.commands import main
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Admin, Cache

TOKEN = SECRET
#: How a change ends that only one gateway knows of.
ALONE = ", at one replica: it knows no other"


@pytest.fixture
def url(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A gateway with a cache and an admin token, which is in the environment."""
    monkeypatch.setenv("HALO_GATEWAY_ADMIN__TOKEN", TOKEN)
    settings = settings_for(pair.emulator.url).model_copy(
        update={"cache": Cache(), "admin": Admin.model_validate({"token": TOKEN})}
    )
    with capture_logs(), ThreadedServer(create_app(settings)) as server:
        yield server.url


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output


def status(pair: Pair, url: str, path: str) -> str:
    response = pair.ask("GET", f"{url}/integrator/sites/{SYDNEY}/fhir/R4/{path}")
    return response.headers.get("cache-status", str(response.status_code))


def test_purge_reports_and_purges_the_scope(pair: Pair, url: str) -> None:
    for path in ("Patient/1", "Patient/2"):
        status(pair, url, path)
    code, output = run("purge", "--site", SYDNEY, "--patient", "1", "--url", url)
    assert (code, output) == (
        0,
        f"cached responses that may concern this patient were purged at site {SYDNEY}{ALONE}\n",
    )
    assert "fwd=" in status(pair, url, "Patient/1")
    assert "hit" in status(pair, url, "Patient/2")
    assert run("purge", "--site", SYDNEY, "--type", "Patient", "--url", url)[1].startswith(
        "cached responses of type Patient were purged at site"
    )
    assert run("purge", "--site", SYDNEY, "--url", url)[0] == 0
    assert "fwd=" in status(pair, url, "Patient/2")


def test_sites_are_printed_and_circuit_is_reset(pair: Pair, url: str) -> None:
    pair.fault(kind="offline")
    status(pair, url, "Patient/1")
    code, table = run("sites", "--url", url)
    rows = {line.split()[0]: line.split() for line in table.splitlines()}
    assert code == 0
    assert rows["SITE"][1:4] == ["NAME", "STATE", "SECONDS"]
    assert (rows[SYDNEY][2], rows[SYDNEY][4]) == ("open", "practice-offline")
    _, output = run("sites", "--site", SYDNEY, "--json", "--url", url)
    assert [site["state"] for site in json.loads(output)["sites"]] == ["open"]
    assert run("reset", "--site", SYDNEY, "--url", url) == (0, f"reset: circuit{ALONE}\n")
    assert run("reset", "--site", SYDNEY, "--url", url) == (0, f"nothing to reset{ALONE}\n")
    assert run("reset", "--pause", "site:none", "--url", url) == (
        1,
        "Error: no pause of this name is in effect: GET /admin/pauses lists all pauses\n",
    )


def test_wrong_token_is_reported_with_its_settings(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_ADMIN__TOKEN", OTHER_SECRET)
    for command in (("sites",), ("purge", "--site", SYDNEY), ("reset", "--site", SYDNEY)):
        code, output = run(*command, "--url", url)
        assert code == 1
        assert "HALO_GATEWAY_ADMIN__TOKEN" in output
        assert "synthetic" not in output


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (("purge", "--site", "elsewhere"), "Halo GUID"),
        (("sites", "--site", "elsewhere"), "Halo GUID"),
    ],
)
def test_rejection_is_printed_with_its_text(url: str, command: tuple[str, ...], text: str) -> None:
    code, output = run(*command, "--url", url)
    assert code == 1
    assert text in output
    assert "Traceback" not in output


def test_gateway_without_admin_token_is_reported(pair: Pair) -> None:
    code, output = run("sites", "--url", pair.url)
    assert code == 1
    assert "admin.token" in output


@pytest.mark.parametrize("url", ["http://127.0.0.1:9"])
def test_unreachable_gateway_is_reported_in_one_line(url: str) -> None:
    code, output = run("sites", "--url", url)
    assert (code, len(output.splitlines())) == (1, 1)
    assert f"no response from {url}" in output


@pytest.mark.parametrize("login", ["user:Zzyzx@", "user:a@Zzyzx:b@", "Zzyzx@", "user:1/Zzyzx@"])
def test_error_shows_no_password_of_the_url(login: str) -> None:
    code, output = run("sites", "--url", f"http://{login}127.0.0.1:9")
    assert code in {1, 2}
    assert "no response from http://127.0.0.1:9" in output or "must be a URL" in output
    assert "Zzyzx" not in output


@pytest.mark.parametrize("command", [("purge",), ("reset",)])
def test_missing_option_is_a_usage_error(command: tuple[str, ...]) -> None:
    assert run(*command)[0] == 2


def test_token_in_the_configuration_file_is_used(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HALO_GATEWAY_ADMIN__TOKEN")
    file = tmp_path / "gateway.toml"
    file.write_text(f'[admin]\ntoken = "{TOKEN}"\n')
    assert run("sites", "--url", url, "--config", str(file))[0] == 0


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"issue":[]}'])
def test_foreign_response_is_reported_by_its_status(body: bytes) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(502, content=body))
    with pytest.raises(ValueError, match="the gateway responded with status 502"):
        AdminClient("http://gw.example", transport=transport).format_sites()


def client_of(status: int, fields: object) -> AdminClient:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, json=fields))
    return AdminClient("http://gw.example", transport=transport)


def test_purge_names_replicas_that_were_not_reached() -> None:
    fields = {
        "purged": "site",
        "site": SYDNEY,
        "reached": ["a process 7"],
        "notReached": [{"replica": "b process 7", "reason": "silent"}],
        "oldResponsesUntil": "2026-04-01T01:00:00+00:00",
    }
    with pytest.raises(ValueError, match="not at all replicas") as error:
        client_of(503, fields).purge(SYDNEY)
    assert str(error.value) == (
        f"cached responses were purged at site {SYDNEY}, but not at all replicas. Reached: a process 7. Not"
        " reached:\n  b process 7: it does not use the shared store at this moment, or did not end in order\n"
        "They may serve old responses until 2026-04-01T01:00:00+00:00. Repeat the change once they reach the"
        " shared store, or restart them."
    )


@pytest.mark.parametrize(
    ("reached", "end"),
    [
        (["a", "b"], ", at all 2 replicas that use the shared store"),
        (["a"], ", at one replica: it knows no other"),
        ([], ""),
    ],
)
def test_purge_says_how_many_replicas_it_knew(reached: list[str], end: str) -> None:
    fields = {"purged": "site", "site": SYDNEY, "reached": reached, "notReached": []}
    assert client_of(200, fields).purge(SYDNEY).endswith(SYDNEY + end)


@pytest.mark.parametrize("fields", [[], {}, {"issue": [{"details": {"text": "full"}}]}])
def test_other_503_is_an_error_without_replicas(fields: object) -> None:
    with pytest.raises(ValueError, match=r"full|status 503"):
        client_of(503, fields).purge(SYDNEY)


def test_alias_with_any_mark_is_reset_by_its_guid() -> None:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.raw_path.decode()}")
        return httpx.Response(200, json={"sites": [{"site": SYDNEY}], "reset": ["circuit"]})

    client = AdminClient("http://gw.example", transport=httpx.MockTransport(respond))
    assert client.reset_site("A/B & C?") == "reset: circuit"
    assert asked == ["GET /admin/sites?site=A%2FB+%26+C%3F", f"POST /admin/sites/{SYDNEY}/reset"]
