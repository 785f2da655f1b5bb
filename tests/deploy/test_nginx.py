"""nginx of deploy/compose for real: what it sends to two gateways, how often, what it tells the client."""

import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import KEY, ROOT, settings_for
from structlog.testing import capture_logs
from support.nginx_kit import CONFIG, CONFIGS, Nginx, free_port, run_nginx, write_config
from support.programs import require_program
from support.raw_gateways import RawGateway, nginx_and_raw_gateways, outcome_code, send
from support.secrets import SECRET

from gateway.app import create_app
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Paging, Server, Settings, Sql, Upstream

BASE = f"/integrator/sites/{SYDNEY}/fhir/R4"
CHANGES = ("POST", "PUT", "PATCH", "DELETE")
CANARY = "Zzyzx"
#: Paths of practices: each configuration has some at the first gateway, some at the second.
PRACTICES = [
    f"/integrator/sites/00000000-0000-4000-8000-{number:012}/fhir/R4/Patient" for number in range(16)
]
each_configuration = pytest.mark.parametrize("kit", CONFIGS.values(), ids=CONFIGS)


def certificate(folder: Path) -> None:
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", f"{folder}/private-key.pem", "-out", f"{folder}/certificate.pem")
    command = (require_program("openssl"), "req", "-x509", "-nodes", "-newkey", "ec", *names, *files)
    subprocess.run([*command, "-pkeyopt", "ec_paramgen_curve:P-256"], check=True, capture_output=True)


@pytest.mark.parametrize("listen", ["listen.conf", "listen-tls.conf"])
def test_nginx_accepts_its_configuration(tmp_path: Path, listen: str) -> None:
    certificate(tmp_path)
    config = write_config(tmp_path, ["127.0.0.1:1", "127.0.0.1:2"], free_port(), listen)
    command = [require_program("nginx"), "-t", "-p", str(tmp_path), "-c", str(config)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "warn" not in result.stderr


def test_tls_port_serves(tmp_path: Path) -> None:
    certificate(tmp_path)
    with (
        RawGateway(responds=True).run() as gateway,
        run_nginx(tmp_path, [gateway.address] * 2, "listen-tls.conf") as nginx,
    ):
        trusted = ssl.create_default_context(cafile=f"{tmp_path}/certificate.pem")
        response = httpx.get(nginx.url, verify=trusted, trust_env=False)
    assert response.status_code == httpx.codes.NO_CONTENT
    assert response.headers["strict-transport-security"]


@each_configuration
@pytest.mark.parametrize("method", CHANGES)
def test_change_that_was_sent_is_not_repeated(tmp_path: Path, method: str, kit: str) -> None:
    with nginx_and_raw_gateways(tmp_path, False, False, kit=kit) as (nginx, gateways):
        response = send(nginx, method, content=b"{}")
        assert sum(len(gateway.received) for gateway in gateways) == 1
    assert (response.status_code, outcome_code(response)) == (504, "write-outcome-unknown")


@each_configuration
@pytest.mark.parametrize("method", [*CHANGES, "GET"])
def test_request_that_was_not_sent_reaches_the_other(tmp_path: Path, method: str, kit: str) -> None:
    with nginx_and_raw_gateways(tmp_path, None, True, kit=kit) as (nginx, gateways):
        statuses = [send(nginx, method, path, content=b"{}").status_code for path in PRACTICES]
        assert statuses == [204] * len(PRACTICES)
        assert gateways[1].received == [f"{method} {path}" for path in PRACTICES]


@each_configuration
@pytest.mark.parametrize("method", CHANGES)
def test_change_that_only_the_second_got_is_unknown(tmp_path: Path, method: str, kit: str) -> None:
    with nginx_and_raw_gateways(tmp_path, None, False, kit=kit) as (nginx, gateways):
        response = send(nginx, method, content=b"{}")
        assert gateways[1].received == [f"{method} /"]
    assert (response.status_code, outcome_code(response)) == (504, "write-outcome-unknown")


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/x/Patient/_search")])
def test_read_without_response_may_be_sent_again(tmp_path: Path, method: str, path: str) -> None:
    with nginx_and_raw_gateways(tmp_path, False, False) as (nginx, _):
        response = send(nginx, method, path)
    assert (response.status_code, outcome_code(response)) == (503, "gateway-shutdown")
    assert response.headers["retry-after"] == "5"


@pytest.mark.parametrize("method", [*CHANGES, "GET"])
def test_request_without_any_gateway_gets_outcome(tmp_path: Path, method: str) -> None:
    with nginx_and_raw_gateways(tmp_path, None, None) as (nginx, _):
        response = send(nginx, method, content=b"{}", headers={"x-request-id": "a.b-c"})
    assert (response.status_code, outcome_code(response)) == (503, "gateway-shutdown")
    assert response.headers["x-request-id"] == "a.b-c"


@each_configuration
def test_failures_of_one_client_lock_nobody_out(tmp_path: Path, kit: str) -> None:
    with nginx_and_raw_gateways(tmp_path, False, False, kit=kit) as (nginx, gateways):
        for _ in range(4):
            send(nginx, "POST", content=b"{}")
        for gateway in gateways:
            gateway.responds = True
        assert [send(nginx, "GET").status_code for _ in range(4)] == [204] * 4


def test_log_of_nginx_has_no_path_or_query(tmp_path: Path) -> None:
    with nginx_and_raw_gateways(tmp_path, None, False) as (nginx, _):
        for method in (*CHANGES, "GET"):
            send(nginx, method, f"/Patient/{CANARY}?family={CANARY}", headers={"x-request-id": f"{CANARY} x"})
        send(nginx, "GET", f"/{CANARY}%zz")
        log = nginx.log.read_text()
    assert '"method":"PUT"' in log
    assert CANARY not in log


def test_practice_has_one_gateway_as_the_scaling_page_shows(tmp_path: Path) -> None:
    with nginx_and_raw_gateways(tmp_path, True, True, kit=CONFIGS["scaling.md"]) as (nginx, gateways):
        for path in 2 * PRACTICES:
            assert send(nginx, "GET", path).status_code == httpx.codes.NO_CONTENT
        first, second = ({*gateway.received} for gateway in gateways)
    assert first
    assert second
    assert not first & second


def test_pages_show_no_configuration_that_is_not_run() -> None:
    pages = [page for page in sorted((ROOT / "docs").glob("*.md")) if "```nginx" in page.read_text()]
    assert [page.name for page in pages] == [name for name in CONFIGS if name.endswith(".md")]


@dataclass(frozen=True)
class Kit:
    """nginx before two gateways and the emulator."""

    nginx: Nginx
    addresses: tuple[str, ...]

    def get(self, path: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return send(self.nginx, "GET", f"{BASE}/{path}", headers=KEY | named)


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    with ExitStack() as stack:
        stack.enter_context(capture_logs())
        emulator = stack.enter_context(RunningEmulator(EmulatorSettings(patients=10)))
        server = Server(trusted_proxies=("127.0.0.1/32",))
        shared = {"server": server, "paging": Paging(keys=(SECRET,))}
        settings = settings_for(emulator.url).model_copy(update=shared)
        gateways = [stack.enter_context(ThreadedServer(create_app(settings))) for _ in range(2)]
        addresses = tuple(gateway.url.removeprefix("http://") for gateway in gateways)
        nginx = stack.enter_context(run_nginx(tmp_path_factory.mktemp("nginx"), addresses))
        yield Kit(nginx, addresses)


def test_both_gateways_get_requests(kit: Kit) -> None:
    before = len(kit.nginx.requests())
    for _ in range(6):
        assert kit.get("Patient?_count=1").status_code == httpx.codes.OK
    assert {line["gateway"] for line in kit.nginx.requests()[before:]} == set(kit.addresses)


def test_links_lead_through_nginx_whatever_the_client_claims(kit: Kit) -> None:
    claims = dict.fromkeys(("X_Forwarded_Host", "X_Forwarded_Prefix", "Forwarded"), "evil.example")
    bundle = kit.get("Patient?_count=1", **claims, X_Forwarded_Proto="https").json()
    urls = [link["url"] for link in bundle["link"]] + [entry["fullUrl"] for entry in bundle["entry"]]
    assert all(url.startswith(f"{kit.nginx.url}{BASE}") for url in urls), urls
    following = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
    assert httpx.get(following, headers=KEY, trust_env=False).status_code == httpx.codes.OK


@pytest.mark.parametrize(("sent", "is_kept"), [("abc.1-2_3", True), ("two words", False), ("x" * 129, False)])
def test_request_id_is_the_clients_if_valid(kit: Kit, sent: str, is_kept: bool) -> None:
    response = kit.get("Patient?_count=1", X_Request_Id=sent)
    assert (response.headers["x-request-id"] == sent) is is_kept
    kit.nginx.wait_for_line(f'"request_id":"{response.headers["x-request-id"]}"')


def test_refusal_of_a_large_body_comes_from_the_gateway(kit: Kit) -> None:
    """A gateway that closes the connection after its 413 does not count as failed."""
    body = b'{"resourceType":"Patient","name":[{"text":"' + bytes(6_000_000) + b'"}]}'
    for _ in range(4):
        headers = KEY | {"content-type": "application/fhir+json"}
        response = send(kit.nginx, "POST", f"{BASE}/Patient", content=body, headers=headers)
        assert response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
        assert response.headers["x-intermediary"] == "halo-gateway"
    test_both_gateways_get_requests(kit)


@pytest.mark.parametrize(
    ("options", "status"),
    [({"headers": {"x-large": "x" * 60_000}}, 200), ({"params": {"_id": "x" * 50_000}}, 414)],
)
def test_large_head_is_judged_by_the_gateway(kit: Kit, options: dict[str, Any], status: int) -> None:
    headers = KEY | options.pop("headers", {})
    response = send(kit.nginx, "GET", f"{BASE}/Patient", headers=headers, **options)
    assert response.status_code == status
    assert response.headers["x-intermediary"] == "halo-gateway"


def seconds(name: str) -> float:
    (value,) = re.findall(rf"^ +{name} (\d+)s;", CONFIG, re.MULTILINE)
    return float(value)


def test_time_outs_are_above_those_of_the_gateway() -> None:
    (upstream_idle, client_idle) = re.findall(r"^ +keepalive_timeout (\d+)s;", CONFIG, re.MULTILINE)
    settings = Settings()
    assert float(upstream_idle) < settings.server.timeouts.idle <= float(client_idle)
    wait = settings.retry.max_wait_seconds
    assert seconds("proxy_read_timeout") > wait + max(Sql().total_timeout_seconds, Upstream().timeouts.total)
    assert seconds("proxy_send_timeout") > settings.server.timeouts.body


def test_body_limits_are_above_those_of_the_gateway() -> None:
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", CONFIG)
    assert int(megabytes) * 1024 * 1024 > max(Server().max_body, Sql().max_body, 20_000_000)
    count, size = re.findall(r"large_client_header_buffers (\d+) (\d+)k;", CONFIG)[0]
    assert int(count) * int(size) * 1024 >= 2 * Server().max_headers
    assert int(size) * 1024 > max(Server().max_uri, Server().max_headers)
