"""The log of a gateway in front of the emulator: one event per request, on every route, with its fields."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from conftest import KEY, settings_for
from end_to_end.test_held_polls import Cloud, gateway
from end_to_end.test_privacy import REQUESTS, leaks
from end_to_end.test_webhooks import SECRET, signed, webhook
from structlog.testing import capture_logs
from support.sockets import connect, until

from gateway.app import create_app
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import BRISBANE, SITES, SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings
from gateway.settings.site_ids import SiteIds
from gateway.telemetry.events import EVENTS

IDS = SiteIds(SITES)
ALIAS, ZONELESS = "harbour", "7d7d7d7d-0000-4000-8000-000000000001"
FHIR, FORM = f"/integrator/sites/{SYDNEY}/fhir/R4", {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/fhir+json"}
SQL = f"/integrator/sites/{SYDNEY}/queries"
OPTIONAL = {"app", "code", "client_left", "trace_id"}
ALWAYS = [name for name in EVENTS["request"].fields if name not in OPTIONAL]


@dataclass
class World:
    """A gateway with a cache and few connections, its emulator, and its log."""

    emulator: RunningEmulator
    server: ThreadedServer
    lines: list[Any] = field(default_factory=list)

    def send(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> httpx.Response:
        fields = KEY | (headers or {})
        url = self.server.url + path
        return httpx.request(method, url, headers=fields, content=body, timeout=30, trust_env=False)

    def line(self, *sent: Any) -> tuple[dict[str, Any], httpx.Response]:
        """The only event `request` of a request, and its response."""
        before = len(self.requests)
        response = self.send(*sent)
        (line,) = self.requests[before:]
        assert line["request_id"] == response.headers["x-request-id"]
        assert line["status"] == response.status_code
        return line, response

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == "request"]

    def error_counts(self) -> Counter[tuple[str, str]]:
        """Failures of the metrics by code and site."""
        return self.counts(r'^halo_gateway_errors_total{code="(.*)",site="(.*)"} (.*)$')

    def free_counts(self) -> Counter[tuple[str, str]]:
        """Free requests of the metrics by site and type."""
        return self.counts(r'^halo_gateway_requests_total{cost="free",site="(.*)",type="(.*)"} (.*)$')

    def counts(self, pattern: str) -> Counter[tuple[str, str]]:
        page = httpx.get(f"{self.server.url}/metrics", trust_env=False).text
        return Counter({(one, two): int(float(n)) for one, two, n in re.findall(pattern, page, re.MULTILINE)})

    def exchange(self, content: bytes) -> bytes:
        """What the gateway writes until it closes the connection."""
        with connect(self.server) as client:
            client.sendall(content)
            return b"".join(iter(lambda: client.recv(65_536), b""))


@contextmanager
def world_of(emulator: RunningEmulator, **changes: Any) -> Iterator[World]:
    base = settings_for(emulator.url).model_dump(exclude_unset=True, exclude={"cache"})
    base["sites"][SYDNEY]["name"] = ALIAS
    settings = Settings.model_validate(base | changes)
    app = create_app(settings)
    with capture_logs() as lines, ThreadedServer(app) as server:
        yield World(emulator, server, lines)


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with RunningEmulator(EmulatorSettings(patients=20, documents=3)) as found:
        yield found


@pytest.fixture(scope="module")
def running(emulator: RunningEmulator) -> Iterator[World]:
    server = {"default_site": BRISBANE, "max_body": 9_000}
    mounts = {
        "far": {"url": emulator.url + FHIR, "dialect": "fhir", "path": "/far"},
        "desk": {"url": emulator.url, "dialect": "halo-itsm", "path": "/desk"},
    }
    with world_of(emulator, webhooks={"secrets": [SECRET]}, server=server, upstreams=mounts) as found:
        assert found.send("GET", f"{FHIR}/Patient/1").status_code == 200  # proves caller and site
        yield found


@pytest.fixture
def world(running: World) -> World:
    running.emulator.control("POST", "reset")
    running.lines.clear()
    return running


#: Every kind of route and refusal -> what its event says besides id, site, method and status.
ROUTES: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "read": (
        ("GET", f"{FHIR}/Patient/2"),
        {"interaction": "read", "type": "Patient", "cache": "miss", "queries": 1},
    ),
    "search": (
        ("GET", f"{FHIR}/Patient?family=Zzyzx&_count=2&Zzyzx=1"),
        {"parameters": ["_count", "family", "other"]},
    ),
    "search by form": (
        ("POST", f"{FHIR}/Patient/_search", FORM, b"family=Zzyzx"),
        {"parameters": ["family"]},
    ),
    "write": (("DELETE", f"{FHIR}/Patient/zzyzx"), {"cache": "write", "queries": 1, "interaction": "delete"}),
    "default site": (("GET", "/fhir/R4/Patient/2"), {"site_id": IDS(BRISBANE), "queries": 1}),
    "metadata": (("GET", f"{FHIR}/metadata"), {"interaction": "capabilities", "queries": 0}),
    "not found": (("GET", f"{FHIR}/Patient/zzyzx"), {"code": "resource-not-found", "queries": 1}),
    "explain": (("POST", f"{FHIR}/$explain", JSON, b"{}"), {"queries": 0}),
    "sql": (("POST", f"{SQL}/immediate", JSON, b"{}"), {"interaction": "sql-immediate"}),
    "sql, unknown": (("GET", f"{SQL}/zzyzx"), {"site": ALIAS}),
    "sites": (("GET", f"/integrator/sites/{SYDNEY}"), {"interaction": "other", "site": ALIAS, "queries": 0}),
    "directory": (("GET", "/integrator/sites?practiceManagementSiteId=Zzyzx"), {"site": "", "site_id": ""}),
    "code system": (
        ("GET", f"{FHIR}/CodeSystem/gateway-error"),
        {"interaction": "read", "type": "CodeSystem"},
    ),
    "code system, 406": (
        ("GET", "/CodeSystem/gateway-error", {"accept": "text/zzyzx"}),
        {"code": "media-type"},
    ),
    "webhook, refused": (("POST", "/hooks/halo", JSON, b"{}"), {"code": "webhook-refused"}),
    "webhook, method": (("GET", "/hooks/halo"), {"code": "method-not-allowed"}),
    "unknown path": (("GET", "/Zzyzx/1"), {"code": "unknown-path", "site": "", "interaction": "other"}),
    "unknown path of a site": (
        ("GET", f"/integrator/sites/{SYDNEY}/zzyzx"),
        {"code": "unknown-path", "site": ALIAS},
    ),
    "unknown method": (("LOCK", f"{FHIR}/Patient"), {"code": "method-not-allowed", "method": "other"}),
    "unknown GUID": (("GET", f"/integrator/sites/{ZONELESS}/fhir/R4/Patient/1"), {"site": ZONELESS[:8]}),
    "no GUID": (("GET", "/integrator/sites/zzyzx/fhir/R4/Patient/1"), {"site": "", "site_id": ""}),
    "malformed": (("GET", f"{FHIR}/Patient/%zz"), {"code": "bad-path", "site": ALIAS}),
    "bad value": (("GET", f"{FHIR}/Patient?birthdate=Zzyzx"), {"code": "bad-date", "queries": 0}),
    "too large": (
        ("POST", f"{FHIR}/Patient", JSON, b" " * 9_001),
        {"code": "body-too-large", "interaction": "create"},
    ),
    "too long": (("GET", f"{FHIR}/Patient?family={'z' * 20_000}"), {"code": "uri-too-long", "site": ALIAS}),
    "mounted FHIR": (
        ("GET", "/far/Patient/zzyzx"),
        {"site": "far", "site_id": "", "interaction": "read"},
    ),
    "mounted FHIR, method": (("LOCK", "/far/Patient/zzyzx"), {"site": "far", "method": "other"}),
    "mounted, passed through": (("POST", "/desk/api/Zzyzx", JSON, b"{}"), {"site": "desk"}),
    "mounted, no credential": (("GET", "/far/Patient/1", {next(iter(KEY)): ""}), {"site": "far"}),
    "HEAD": (("HEAD", f"{FHIR}/Patient/2"), {"interaction": "read", "type": "Patient"}),
    "no key": (
        ("GET", f"{FHIR}/Patient", {next(iter(KEY)): ""}),
        {"code": "credentials-missing", "caller": ""},
    ),
    "wrong key": (
        ("GET", f"{FHIR}/Patient/3", {next(iter(KEY)): "zzyzx"}),
        {"caller": "unproved", "queries": 0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROUTES)
def test_every_request_has_one_event(world: World, name: str) -> None:
    sent, expected = ROUTES[name]
    line, response = world.line(*sent)
    assert {field: line.get(field) for field in expected} == expected
    assert [field for field in line if field in ALWAYS] == ALWAYS
    assert ("code" in line) == (response.status_code >= 400)
    if b"gateway-error" in response.content and "code" in line:
        assert f'"{line["code"]}"' in response.text
    assert line["method"] == expected.get("method", sent[0])
    if FHIR in sent[1]:
        assert (line["site"], line["site_id"]) == (ALIAS, IDS(SYDNEY))
    assert line["log_level"] == "info"
    assert line["bytes"] == len(response.content) or sent[0] == "HEAD"
    assert leaks(repr(world.lines)) == []


def test_id_of_the_client_is_used(world: World) -> None:
    for path in (f"{FHIR}/Patient/2", "/zzyzx"):
        line, _ = world.line("GET", path, {"x-request-id": "abc-1"})
        assert line["request_id"] == "abc-1"


def test_proved_caller_has_the_name_of_the_ledger(world: World) -> None:
    line, _ = world.line("GET", f"{FHIR}/Patient/2")
    assert len(line["caller"]) == 8
    assert int(line["caller"], 16)
    names = {
        world.line("GET", f"{FHIR}/Patient/2", {next(iter(KEY)): f"made-up-{n}"})[0]["caller"]
        for n in range(3)
    }
    assert names == {"unproved"}


def test_hits_have_the_fields_of_the_first_request(world: World) -> None:
    with connect(world.server) as client:
        for number in range(4):
            head = f"GET {FHIR}/Patient/5 HTTP/1.1\r\nHost: gw\r\nOcp-Apim-Subscription-Key: demo-key\r\n"
            client.sendall(f"{head}X-Request-Id: hit-{number}\r\n\r\n".encode())
            until(lambda count=number + 1: len(world.requests) == count)
            client.recv(1_000_000)
    first, *hits = world.requests
    assert [line["request_id"] for line in world.requests] == [f"hit-{number}" for number in range(4)]
    assert ([line["cache"] for line in hits], {line["queries"] for line in hits}) == (["hit"] * 3, {0})
    same = (
        "site",
        "site_id",
        "caller",
        "method",
        "interaction",
        "type",
        "parameters",
        "status",
        "repairs",
        "bytes",
    )
    assert all({name: line[name] for name in same} == {name: first[name] for name in same} for line in hits)
    assert [set(line) for line in hits] == [set(first)] * 3


def test_followers_of_a_shared_query_have_none(world: World) -> None:
    world.emulator.control("POST", "faults", {"kind": "delay", "delay": 2, "times": 1})
    with ThreadPoolExecutor(5) as pool:
        statuses = [
            future.result().status_code
            for future in [pool.submit(world.send, "GET", f"{FHIR}/Patient/6") for _ in range(5)]
        ]
    assert statuses == [200] * 5
    assert sorted(line["queries"] for line in world.requests) == [0, 0, 0, 0, 1]
    assert sorted(line["cache"] for line in world.requests).count("collapsed") == 4


def test_each_entry_of_a_batch_has_one_event(world: World) -> None:
    urls = ["Patient/7", "Patient/zzyzx-7", "Zzyzx/1", "Patient?birthdate=zzyzx"]
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    body = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries}).encode()
    response = world.send("POST", FHIR, JSON | {"x-request-id": "b"}, body)
    lines = {line["request_id"]: line for line in world.requests}
    assert len(world.requests) == len(lines) == 5
    assert lines.keys() == {"b", "b.0", "b.1", "b.2", "b.3"}
    statuses = [int(entry["response"]["status"][:3]) for entry in response.json()["entry"]]
    assert [lines[f"b.{number}"]["status"] for number in range(4)] == statuses == [200, 404, 404, 400]
    assert [lines[name]["queries"] for name in sorted(lines)] == [0, 1, 1, 0, 0]
    assert {line["site"] for line in lines.values()} == {ALIAS}
    assert (lines["b"]["status"], lines["b"]["interaction"]) == (200, "transaction")
    assert leaks(repr(world.lines)) == []


def test_batch_that_is_no_batch_has_one_event(world: World) -> None:
    line, _ = world.line("POST", FHIR, JSON, b'{"resourceType":"Bundle","type":"batch","entry":[{}]}')
    assert (line["code"], line["status"]) == ("batch-invalid", 400)


def test_accepted_webhook_has_one_event(world: World) -> None:
    body = webhook(1)
    line, _ = world.line("POST", "/hooks/halo", signed(body), body)
    assert (line["status"], line["bytes"], line.get("code")) == (204, 0, None)


#: Bytes on a connection -> status, code, and whether the event knows the site.
BROKEN = {
    b"NONSENSE zzyzx\r\n\r\n": (400, "bad-request", ""),
    b"GET %b/Patient HTTP/1.1\r\n\r\n" % FHIR.encode(): (400, "bad-request", ALIAS),
    b"GET /zzyzx HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n" % (b"z" * 70_000): (431, "headers-too-large", ""),
    b"GET %b/zzyzx HTTP/1.1\r\nHost: a\r\n%b\r\n"
    % (FHIR.encode(), b"a: b\r\n" * 200): (431, "headers-too-many", ALIAS),
    b"POST %b/Patient HTTP/1.1\r\nHost: a\r\nOcp-Apim-Subscription-Key: demo-key\r\n"
    b"Content-Type: application/fhir+json\r\nTransfer-Encoding: chunked\r\n\r\nzzyzx\r\n"
    % FHIR.encode(): (400, "bad-request", ALIAS),
}  # fmt: skip


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_refusal_of_the_connection_has_one_event(world: World, content: bytes) -> None:
    before, free = world.error_counts(), world.free_counts()
    head = world.exchange(content).partition(b"\r\n\r\n")[0].decode()
    (line,) = world.requests
    assert world.error_counts() - before == {(line["code"], line["site"]): 1}
    assert world.free_counts() - free == {(line["site"], line["type"]): 1}
    assert (line["status"], line["code"], line["site"]) == BROKEN[content]
    assert f"x-request-id: {line['request_id']}" in head
    assert int(head[9:12]) == line["status"]
    assert [field for field in line if field in ALWAYS] == ALWAYS
    assert not [each for each in world.lines if each["event"] == "unhandled-exception"]
    assert leaks(repr(world.lines)) == []


CHUNKED = (
    f"POST {FHIR}/Patient HTTP/1.1\r\nHost: a\r\nOcp-Apim-Subscription-Key: k\r\n"
    "Content-Type: application/fhir+json\r\nTransfer-Encoding: chunked\r\n\r\n"
).encode()


@pytest.mark.parametrize("has_request_before", [False, True])
@pytest.mark.parametrize(
    ("content", "rest", "least"),
    [(b"zzyzx\r\n\r\n", b"", 0), (CHUNKED + b"zz\r\n", b"", 0), (CHUNKED, b"zz\r\n", 400)],
    ids=["no head", "head and body", "body later"],
)
def test_time_of_a_refused_request_begins_with_itself(
    world: World, *, has_request_before: bool, content: bytes, rest: bytes, least: float
) -> None:
    with connect(world.server) as client:
        if has_request_before:
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.recv(65_536)
        time.sleep(2.0)
        client.sendall(content)
        if rest:
            time.sleep(0.45)  # more than `least`: the event loop's clock has whole milliseconds
            client.sendall(rest)
        until(lambda: world.requests)
    (line,) = world.requests
    assert line["status"] == 400
    assert least <= line["ms"] < least + 1_900


def test_too_many_connections_and_late_bodies_have_one_event_each(emulator: RunningEmulator) -> None:
    server = {"max_connections": 1, "timeouts": {"body": 0.3}}
    head = (
        f"POST {FHIR}/Patient HTTP/1.1\r\nHost: a\r\nOcp-Apim-Subscription-Key: k\r\nX-Request-Id: late\r\n"
    )
    with world_of(emulator, server=server) as world, connect(world.server) as client:
        client.sendall(f"{head}Content-Type: application/fhir+json\r\nContent-Length: 9\r\n\r\n{{".encode())
        until(lambda: world.send("GET", f"{FHIR}/Patient/1").status_code == 503)
        assert b"x-request-id: late" in client.recv(65_536)
        overloaded, late = world.requests[-2:]
        counts = world.error_counts()
    assert (overloaded["code"], overloaded["site"], overloaded["status"]) == ("overloaded", ALIAS, 503)
    assert (late["code"], late["request_id"], late["status"]) == ("request-timeout", "late", 408)
    assert 300 <= late["ms"] < 30_000
    assert len({line["request_id"] for line in world.requests}) == len(world.requests)
    codes = Counter(line["code"] for line in world.requests if "code" in line)
    assert codes == {code: number for (code, _), number in counts.items()}


#: Request lines of requests that are answered before their body.
ANSWERED_EARLY = {
    f"POST {FHIR}/Zzyzx/1/2/3": 404,
    f"POST {FHIR}/Patient": 401,
    f"POST {FHIR}/metadata": 405,
    f"OPTIONS {FHIR}/Patient/1": 405,
}


@pytest.mark.parametrize("line", ANSWERED_EARLY)
def test_rest_of_an_answered_request_has_no_event(world: World, line: str) -> None:
    head = f"{line} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"
    with connect(world.server) as client:
        client.sendall(head.encode())
        assert int(client.recv(65_536)[9:12]) == ANSWERED_EARLY[line]
        client.sendall(b"ZZ\r\n")
        assert client.recv(65_536) == b""
    assert [each["status"] for each in world.requests] == [ANSWERED_EARLY[line]]


def test_client_that_leaves_is_noted(world: World) -> None:
    world.emulator.control("POST", "faults", {"kind": "delay", "delay": 2, "times": 1})
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{world.server.url}{FHIR}/Patient/8", headers=KEY, timeout=0.2, trust_env=False)
    until(lambda: world.requests)
    (line,) = world.requests
    assert (line["client_left"], line["status"], line["queries"]) == (True, 200, 1)


def test_client_that_leaves_before_its_body_arrives_is_noted(world: World) -> None:
    before = world.error_counts()
    head = f"POST {FHIR}/Patient HTTP/1.1\r\nHost: a\r\nOcp-Apim-Subscription-Key: demo-key\r\n"
    with connect(world.server) as client:
        client.sendall(f"{head}Content-Type: application/fhir+json\r\nContent-Length: 9\r\n\r\n{{".encode())
    until(lambda: world.requests)
    (line,) = world.requests
    assert (line["client_left"], line["status"], line["site"], line["caller"] != "") == (
        True,
        499,
        ALIAS,
        True,
    )
    assert "code" not in line
    assert world.error_counts() == before


#: Heads that the connection or a middleware answers, sent with bad bytes of a body in one segment.
ANSWERED_AT_ONCE = {
    "preflight": f"OPTIONS {FHIR}/Patient HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\n"
    "Access-Control-Request-Method: GET\r\n",
    "too many fields": f"POST {FHIR}/Patient HTTP/1.1\r\nHost: a\r\n" + "a: b\r\n" * 200,
    "two hosts": f"POST {FHIR}/Patient HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
    "unknown path": "POST /zzyzx HTTP/1.1\r\nHost: a\r\n",
    "webhook": "POST /hooks/halo HTTP/1.1\r\nHost: a\r\n",
}


@pytest.mark.parametrize("name", ANSWERED_AT_ONCE)
def test_bad_body_that_comes_with_its_head_has_one_event(emulator: RunningEmulator, name: str) -> None:
    content = f"{ANSWERED_AT_ONCE[name]}Transfer-Encoding: chunked\r\n\r\nZZ\r\n".encode()
    origins = {"origins": ["https://a.example"]}
    with world_of(emulator, cors=origins, webhooks={"secrets": [SECRET]}) as world:
        head = world.exchange(content).partition(b"\r\n\r\n")[0].decode()
        page = httpx.get(f"{world.server.url}/metrics", trust_env=False).text
        assert sum(world.error_counts().values()) == 1
        (line,) = world.requests
    assert (int(head[9:12]), line["status"], line["code"]) == (400, 400, "bad-request")
    assert f"x-request-id: {line['request_id']}" in head
    assert ('webhooks_total{outcome="bad-request"} 1.0' in page) == (name == "webhook")


def test_operators_port_logs_refusals(emulator: RunningEmulator) -> None:
    app = create_app(settings_for(emulator.url))
    with capture_logs() as lines, ThreadedServer(app.state.operators) as server:
        statuses = [
            httpx.request(method, server.url + path, trust_env=False).status_code
            for method, path in (("GET", "/zzyzx"), ("POST", "/livez"), ("GET", "/livez"))
        ]
        named = httpx.get(f"{server.url}/livez", headers={"host": "zzyzx.example"}, trust_env=False)
    assert (statuses, named.status_code) == ([404, 405, 200], 421)
    codes = [line["code"] for line in lines if line["event"] == "request"]
    assert codes == ["unknown-path", "method-not-allowed", "host-unknown"]


def test_held_poll_whose_client_leaves_has_one_event() -> None:
    with gateway(Cloud()) as held, capture_logs() as lines:
        with pytest.raises(httpx.ReadTimeout):
            held.poll("wait=20", timeout=0.3)
        until(lambda: [line for line in lines if line["event"] == "request"])
    (line,) = (line for line in lines if line["event"] == "request")
    assert (line["client_left"], line["status"], line["interaction"]) == (True, 499, "sql-read")


#: Faults of the emulator -> failures after which queries may be billed, or not.
FAULTS = [
    {"kind": "answer", "status": 500, "body": "x"},
    {"kind": "answer", "status": 200, "body": "x"},
    {"kind": "answer", "status": 200, "body": {"errorCode": 5003, "errorMessage": "x"}},
    {"kind": "answer", "status": 404, "body": {"error": {"status": 404}}},
    {"kind": "answer", "status": 401, "body": {}},
    {"kind": "offline"},
    {"kind": "reset"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_queries_are_those_of_the_ledger(emulator: RunningEmulator, fault: dict[str, Any]) -> None:
    """Also where several upstream requests are behind one: retries, split searches, smaller pages."""
    retry = {"max_wait_seconds": 2, "initial_backoff_seconds": 0.01, "retry_on_timeout": True}
    emulator.control("POST", "reset")
    with world_of(emulator, retry=retry) as world:
        world.send("GET", f"{FHIR}/Patient/9")
        emulator.control("POST", "faults", {"times": 2} | fault)
        for path in (
            "Patient/10",
            "Appointment?date=2026-04",
            "Patient?family=a&_summary=count",
            "Patient/9",
        ):
            world.send("GET", f"{FHIR}/{path}")
        page = httpx.get(f"{world.server.url}/metrics", trust_env=False).text
        lines = [line for line in page.splitlines() if line.startswith("halo_gateway_requests_total{")]
        billable = [line for line in lines if 'cost="billed"' in line or 'cost="maybe-billed"' in line]
        assert sum(line["queries"] for line in world.requests) == sum(
            float(line.split()[-1]) for line in billable
        )
        assert billable
    emulator.control("POST", "reset")


def stderr_of(emulator: RunningEmulator, *options: str, **settings: str) -> list[str]:
    """Lines of a process after requests on every route with private values, among them hits."""
    values = {
        "upstream__url": emulator.url,
        "sites__default__time_zone": "Australia/Sydney",
        "log__level": "debug",
    }
    environment = {f"HALO_GATEWAY_{name}".upper(): value for name, value in (values | settings).items()}
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=os.environ | environment, text=True, **pipes) as running:  # type: ignore[call-overload]
        url = running.stdout.readline().split()[-1]
        with httpx.Client(trust_env=False, headers=KEY, timeout=30) as client:
            for method, path, headers, body in SENT:
                client.request(method, url + path, headers=headers, content=body)
        running.terminate()
        return list(running.communicate(timeout=30)[1].splitlines())


HIT = ("GET", f"{FHIR}/Patient?family=Zzyzx", {"x-request-id": "hit"}, b"")
SENT = [*REQUESTS, *[HIT] * 4, ("POST", f"{FHIR}/Patient", FORM, b"Zzyzx"), ("GET", "/\x9b31mZzyzx", {}, b"")]


def test_json_of_a_process_is_private_and_complete(emulator: RunningEmulator) -> None:
    lines = stderr_of(emulator)
    events = [json.loads(line) for line in lines]
    requests = [event for event in events if event["event"] == "request"]
    unlogged = [path for _, path, *_ in SENT if path.startswith("/readyz")]
    assert len(requests) == len(SENT) - len(unlogged)
    assert [event["cache"] for event in requests if event["request_id"] == "hit"][-3:] == ["hit"] * 3
    assert all(re.fullmatch("[ -~]+", line) for line in lines)
    assert leaks("\n".join(lines)) == []


def test_text_of_workers_is_private_and_aligned(emulator: RunningEmulator) -> None:
    lines = stderr_of(emulator, "--workers", "2", log__format="text")
    assert leaks("\n".join(lines)) == []
    form = re.compile(r"20[0-9-]{8}T[0-9:.]+Z (info|debug|warning|error) +[a-z0-9-]+ +([a-z_]+=[ -~]+)?")
    assert [line for line in lines if not form.fullmatch(line)] == []
    requests = [line for line in lines if re.match(r"\S+ +info +request ", line)]
    assert {line.index(" request_id=") for line in requests} == {len("2026-07-01T02:00:00.000000Z") + 37}
    assert sum("request_id=hit" in line and "cache=hit" in line for line in requests) >= 2
    assert all(" worker=" in line for line in requests)
