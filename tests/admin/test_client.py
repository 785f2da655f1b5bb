"""The commands for operators, in front of a running gateway."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from conftest import Pair, settings_for
from structlog.testing import capture_logs

from gateway.admin.client import AdminClient
from gateway.app import create_app
from gateway.cli.commands import main
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Admin, Cache

TOKEN = "synthetic-operator-token"  # noqa: S105 - a test's own


@pytest.fixture
def url(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A gateway with a cache and an operator whose token the environment has."""
    monkeypatch.setenv("HALO_GATEWAY_ADMIN__TOKEN", TOKEN)
    settings = settings_for(pair.emulator.url).model_copy(
        update={"cache": Cache(), "admin": Admin.model_validate({"token": TOKEN})}
    )
    with capture_logs(), ThreadedServer(create_app(settings)) as running:
        yield running.url


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output


def status(pair: Pair, url: str, path: str) -> str:
    answer = pair.ask("GET", f"{url}/integrator/sites/{SYDNEY}/fhir/R4/{path}")
    return answer.headers.get("cache-status", str(answer.status_code))


def test_a_purge_of_a_patient_is_told_and_done(pair: Pair, url: str) -> None:
    for path in ("Patient/1", "Patient/2"):
        status(pair, url, path)
    code, said = run("purge", "--site", SYDNEY, "--patient", "1", "--url", url)
    assert (code, said) == (
        0,
        f"nothing kept that may be about this patient at {SYDNEY} is served any more\n",
    )
    assert "fwd=" in status(pair, url, "Patient/1")
    assert "hit" in status(pair, url, "Patient/2")
    assert run("purge", "--site", SYDNEY, "--type", "Patient", "--url", url)[1].startswith(
        "nothing kept about Patient at"
    )
    assert run("purge", "--site", SYDNEY, "--url", url)[0] == 0
    assert "fwd=" in status(pair, url, "Patient/2")


def test_sites_are_a_table_or_json_and_a_rest_can_be_lifted(pair: Pair, url: str) -> None:
    pair.fault(kind="offline")
    status(pair, url, "Patient/1")
    code, table = run("sites", "--url", url)
    rows = {line.split()[0]: line.split() for line in table.splitlines()}
    assert code == 0
    assert rows["SITE"][1:4] == ["NAME", "STATE", "SECONDS"]
    assert (rows[SYDNEY][2], rows[SYDNEY][4]) == ("open", "practice-offline")
    _, one = run("sites", "--site", SYDNEY, "--json", "--url", url)
    assert [each["state"] for each in json.loads(one)["sites"]] == ["open"]
    assert run("reset", "--site", SYDNEY, "--url", url) == (0, "reset: circuit\n")
    assert run("reset", "--site", SYDNEY, "--url", url) == (0, "nothing to reset\n")
    assert run("reset", "--pause", "site:none", "--url", url) == (0, "nothing to reset\n")


def test_without_the_right_token_it_says_where_the_token_goes(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALO_GATEWAY_ADMIN__TOKEN", "another-synthetic-token")
    for command in (("sites",), ("purge", "--site", SYDNEY), ("reset", "--site", SYDNEY)):
        code, said = run(*command, "--url", url)
        assert code == 1
        assert "HALO_GATEWAY_ADMIN__TOKEN" in said
        assert "synthetic" not in said


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("purge", "--site", "elsewhere"), "Halo GUID"),
        (("purge", "--site", SYDNEY, "--type", "patient"), "with a capital"),
        (("purge", "--site", SYDNEY, "--patient", "a b"), "Send JSON like"),
        (("sites", "--site", "elsewhere"), "Halo GUID"),
    ],
)
def test_what_the_gateway_refuses_is_said_in_its_words(url: str, command: tuple[str, ...], says: str) -> None:
    code, said = run(*command, "--url", url)
    assert code == 1
    assert says in said
    assert "Traceback" not in said


def test_a_gateway_without_operators_says_what_to_set(pair: Pair) -> None:
    code, said = run("sites", "--url", pair.url)
    assert code == 1
    assert "admin.token" in said


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense"])
def test_nobody_there_is_an_error_in_one_line(url: str) -> None:
    code, said = run("sites", "--url", url)
    assert (code, len(said.splitlines())) == (1, 1)
    assert f"no answer from {url}" in said


@pytest.mark.parametrize("command", [("purge",), ("reset",)])
def test_too_little_is_a_usage_error(command: tuple[str, ...]) -> None:
    assert run(*command)[0] == 2


def test_the_token_may_stand_in_the_file(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HALO_GATEWAY_ADMIN__TOKEN")
    file = tmp_path / "gateway.toml"
    file.write_text(f'[admin]\ntoken = "{TOKEN}"\n')
    assert run("sites", "--url", url, "--config", str(file))[0] == 0


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"issue":[]}'])
def test_an_answer_of_somebody_else_is_told_by_its_status(body: bytes) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(502, content=body))
    with pytest.raises(ValueError, match="the gateway answered 502"):
        AdminClient("http://gw.example", transport=transport).format_sites()
