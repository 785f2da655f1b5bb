"""S12: odd bytes, URLs and methods, of clients and of upstreams: never 500, never a closed connection."""

import json
import re
import socket
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest
from conftest import settings_for
from structlog.testing import capture_logs
from support.raw_upstream import RawUpstream

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

FHIR = f"/integrator/sites/{SYDNEY}/fhir/R4"
KEY = {"ocp-apim-subscription-key": "made-up-key"}
TOKEN = {"authorization": "Bearer made-up"}
JSON = {"content-type": "application/fhir+json"}
PATIENT = '{"resourceType":"Patient","id":"1"}'


class Edge(NamedTuple):
    """A gateway, and the upstream behind all its mounts."""

    url: str
    upstream: RawUpstream

    def ask(self, method: str, path: str, headers: dict[str, str] = KEY, content: str = "") -> httpx.Response:
        return httpx.request(
            method, self.url + path, headers=headers, content=content, timeout=20, trust_env=False
        )

    def ask_raw(self, start: bytes, *fields: bytes, body: bytes = b"") -> int:
        """Status of the response to a request in bytes; 0 for a connection that closes without any."""
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as client:
            lines = (start + b" HTTP/1.1", b"Host: gw", b"Connection: close", *fields)
            client.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
            return int(client.makefile("rb").readline()[9:12] or 0)

    def bundle(self, relation: str, url: str) -> str:
        """A searchset with this link; `{base}` is the upstream's FHIR base."""
        link = {"relation": relation, "url": url.replace("{base}", f"{self.upstream.url}{FHIR}")}
        entry = {"resource": json.loads(PATIENT), "search": {"mode": "match"}}
        return json.dumps({"resourceType": "Bundle", "type": "searchset", "link": [link], "entry": [entry]})


def mounted_settings(upstream: str) -> Settings:
    mounts = {
        "second": {"url": upstream, "dialect": "halo-connect", "path": "/two"},
        "gorilla": {"url": f"{upstream}/fhir/R4", "dialect": "health-gorilla", "path": "/hg"},
        "itsm": {"url": f"{upstream}/itsm", "dialect": "halo-itsm", "path": "/itsm"},
    }
    return Settings.model_validate(settings_for(upstream).model_dump() | {"upstreams": mounts})


@pytest.fixture(scope="module")
def running_edge() -> Iterator[Edge]:
    with (
        capture_logs(),
        RawUpstream() as upstream,
        ThreadedServer(create_app(mounted_settings(upstream.url))) as server,
    ):
        yield Edge(server.url, upstream)


@pytest.fixture
def edge(running_edge: Edge) -> Edge:
    running_edge.upstream.respond(PATIENT)
    running_edge.upstream.request_lines.clear()
    return running_edge


@pytest.mark.parametrize("value", [b"M\xfcller", b"\xe4\xbd\xa0", b"a\x7fb", b"a\x01b"])
@pytest.mark.parametrize(
    "name",
    [
        *("User-Agent", "Accept-Language", "Prefer", "Accept", "Cache-Control", "If-None-Match"),
        *("If-Modified-Since", "X-Request-Id", "X-Correlation-Id", "If-None-Exist", "If-Match"),
        *("HG-Idempotency-Key", "Content-Type", "Priority", "Traceparent", "Cookie", "X-Forwarded-For"),
        *("Ocp-Apim-Subscription-Key", "Authorization", "DeviceId"),
    ],
)
def test_odd_byte_in_a_request_field_is_400_or_served(edge: Edge, name: str, value: bytes) -> None:
    key, field = b"Ocp-Apim-Subscription-Key: k", name.encode() + b": " + value
    token = [] if name == "Authorization" else [b"Authorization: Bearer t"]
    keys = [] if name.startswith("Ocp") else [key]
    device = [] if name == "DeviceId" else [b"DeviceId: d"]
    for start, credential in (
        (f"GET {FHIR}/Patient/1", keys),
        (f"POST {FHIR}/Patient", keys),
        (f"GET {FHIR.replace('integrator', 'desktop')}/Patient/1", token + device),
        ("GET /integrator/sites", keys),
        ("GET /hg/Patient/1", token),
        ("GET /itsm/api/Tickets", token),
    ):
        assert edge.ask_raw(start.encode(), *credential, field, b"Content-Length: 0") in {200, 400, 406, 415}


@pytest.mark.parametrize(
    "search",
    ["//[", "http://[", "//[/Patient?a=b", "Patient?a=//[", "[", "?", "#", "//", "Patient#["],
)
def test_odd_search_to_explain_is_no_internal_error(edge: Edge, search: str) -> None:
    body = f'{{"resourceType":"Parameters","parameter":[{{"name":"search","valueString":"{search}"}}]}}'
    assert edge.ask("POST", f"{FHIR}/$explain", KEY | JSON, body).status_code in {200, 400}
    assert edge.upstream.request_lines == []


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"/%74wo{FHIR}/Patient/1", KEY),
        (f"/tw%6F{FHIR}/Patient/1", KEY),
        ("/%74wo/integrator/sites", KEY),
        (f"/two%2Fintegrator/sites/{SYDNEY}/fhir/R4/Patient/1", KEY),
        ("/%68g/Patient/1", TOKEN),
        ("/hg%2FPatient/1", TOKEN),
        ("/%69tsm/api/Tickets", TOKEN),
        (f"/%69ntegrator/sites/{SYDNEY}/fhir/R4/Patient/1", KEY),
        (f"/integrator/sites/{SYDNEY}/fhir%2FR4/Patient/1", KEY),
        (f"/integrator/sites/{SYDNEY}/fhir/R4/%50atient/1", KEY),
    ],
)
def test_escaped_letters_of_a_path_are_served_or_refused(
    edge: Edge, path: str, headers: dict[str, str]
) -> None:
    response = edge.ask("GET", path, headers)
    assert response.status_code in ({400, 404} if "%2F" in path else {200})
    if response.status_code == 200:
        (line,) = edge.upstream.request_lines
        assert "%" not in line


_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
ODD_URLS = (
    *(
        "http://[",
        "//[",
        "http://[::1",
        "http://a:b:c/x",
        "http://x:99999/y",
        "\u0001",
        "\u00e9",
        "{base}//[",
    ),
    *(
        "{base}/Patient?\u0001=1",
        "{base}/Patient?a=" + "x" * 70_000,
        "{base}/Patient?%zz",
        "{base}/\ud83d\ude00",
    ),
    *("http://\u2100/", "{base}\\", "?", "#", "", " ", "{base}/../../x", "{base}/Patient?a=\u00e9"),
)


@pytest.mark.parametrize("url", ODD_URLS)
@pytest.mark.parametrize("relation", ["self", "next", "previous", "alternate"])
def test_odd_link_of_an_upstream_is_no_internal_error(edge: Edge, relation: str, url: str) -> None:
    edge.upstream.respond(edge.bundle(relation, url))
    for query in ("?name=x&_include=Patient:link", "?birthdate=2026&_count=5", "?birthdate=ne2026"):
        response = edge.ask("GET", f"{FHIR}/Patient{query}")
        assert response.status_code in {200, 502}
        if response.status_code != 200:
            continue
        for link in response.json().get("link", []):
            if link["relation"] == relation and "_page=" in link["url"]:
                assert edge.ask("GET", link["url"].removeprefix(edge.url)).status_code in {200, 502}


@pytest.mark.parametrize(
    "url",
    [
        b"http://[",
        b"//[",
        b"http://[::1/fhir/RequestResult/1",
        b"\xff",
        b"http://a:b:c/",
        b"<<<<",
        b"<http://[>",
    ],
)
@pytest.mark.parametrize("name", [b"Location", b"Content-Location", b"Link", b"location"])
def test_odd_url_in_an_upstream_field_is_no_internal_error(edge: Edge, name: bytes, url: bytes) -> None:
    edge.upstream.respond(PATIENT, name + b": " + url + b"\r\n", "201 Created")
    for path, headers in ((f"{FHIR}/Patient", KEY), ("/hg/Patient", TOKEN), (f"/two{FHIR}/Patient", KEY)):
        response = edge.ask("POST", path, headers | JSON, PATIENT)
        assert response.status_code == 201, response.text


@pytest.mark.parametrize(
    "field",
    [
        b'ETag: W/"a\x01b"',
        b'ETag: W/"a\x7fb"',
        b"Content-Language: \xff\xfe",
        b"X-Progress: caf\xc3\xa9",
        b"Last-Modified: \x80",
        b"X-Correlation-Id: a\x0bb",
        b'Content-Disposition: attachment; filename="a\x02.pdf"',
        b"Location: /Patient/\x05",
        b"X-\xff: 1",
        b"Retry-After: " + b"9" * 400,
        b"Retry-After: \x01",
        b"Retry-After: Fri, 31 Dec 99999 23:59:59 GMT",
        b"Age: " + b"9" * 5_000,
        b"Cache-Control: max-age=" + b"9" * 5_000,
        b"Expires: Mon, 01 Jan 2020 00:00:00 +99999999999",
        b"Date: Mon, 99 Jan 99999999999 00:00:00 GMT\r\nExpires: Mon, 01 Jan 99999999999 00:00:00 GMT",
        b"RateLimit: " + b"9" * 5_000,
        b"X-RateLimit-Remaining: " + b"9" * 5_000,
    ],
)
def test_odd_field_of_an_upstream_is_dropped(edge: Edge, field: bytes) -> None:
    edge.upstream.respond(PATIENT, field + b"\r\n")
    for path, headers in ((f"{FHIR}/Patient/1", KEY), ("/hg/Patient/1", TOKEN), ("/itsm/api/x", TOKEN)):
        response = edge.ask("GET", path, headers)
        assert response.status_code in {200, 502}, response.text
        assert not _CONTROL.search("".join(response.headers.values()))
        assert len(response.headers.get("retry-after", "")) < 40


@pytest.mark.parametrize("total", ["1" * 5_000, "-1", "1e999", '"²"', "1.5", "null", "[]"])
def test_odd_total_of_an_upstream_is_no_internal_error(edge: Edge, total: str) -> None:
    edge.upstream.respond(f'{{"resourceType":"Bundle","type":"searchset","total":{total}}}')
    for query in ("?name=x", "?birthdate=2026", "?birthdate=ne2026&_summary=count"):
        assert edge.ask("GET", f"{FHIR}/Patient{query}").status_code in {200, 400, 502}


@pytest.mark.parametrize(
    "date",
    ["Mon, 01 Jan 2020 00:00:00 +99999999999", "Mon, 01 Jan 99999999999 00:00:00 GMT", "x", ",", "9" * 500],
)
def test_odd_date_of_a_condition_is_no_internal_error(edge: Edge, date: str) -> None:
    edge.upstream.respond(PATIENT, b"Last-Modified: Mon, 01 Jan 2020 00:00:00 GMT\r\n")
    headers = KEY | {"if-modified-since": date}
    assert edge.ask("GET", f"{FHIR}/metadata", headers).status_code in {200, 502}
    assert edge.ask("GET", f"{FHIR}/Patient/1", headers).status_code == 200


@pytest.mark.parametrize("method", ["TRACE", "PURGE", "OPTIONS", "PROPFIND", "LINK", "SUBSCRIBE", "MKCOL"])
@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/integrator/sites", KEY),
        (f"/integrator/sites/{SYDNEY}", KEY),
        (f"/integrator/sites/{SYDNEY}/queries/immediate", KEY),
        (f"/two/integrator/sites/{SYDNEY}/queries/immediate", KEY),
        ("/itsm/api/Tickets", TOKEN),
        ("/hg/Patient", TOKEN),
        (f"{FHIR}/Patient", KEY),
    ],
)
def test_unknown_method_is_not_sent(edge: Edge, method: str, path: str, headers: dict[str, str]) -> None:
    response = edge.ask(method, path, headers)
    assert response.status_code == 405
    assert "GET" in response.headers["allow"].split(", ")
    assert edge.upstream.request_lines == []


def test_connect_and_other_forms_of_target_are_not_sent(edge: Edge) -> None:
    key = b"Ocp-Apim-Subscription-Key: k"
    targets = (b"CONNECT gw:443", b"CONNECT /integrator/sites", b"OPTIONS *", b"BREW /integrator/sites")
    for start in targets:
        assert 400 <= edge.ask_raw(start, key) < 500
    assert edge.ask_raw(b"GET http://[/integrator/sites", key) in {400, 404}
    assert edge.upstream.request_lines == []


@pytest.mark.parametrize(
    "path", ["a/b/RequestResult/x", "RequestResult/x", "fhir/RequestResult/x", "x/Patient"]
)
def test_path_of_the_origin_is_reached_as_it_is(edge: Edge, path: str) -> None:
    assert edge.ask("GET", f"/hg/~/{path}", TOKEN).status_code == 200
    assert edge.upstream.request_lines == [f"GET /{path} HTTP/1.1"]


@pytest.mark.parametrize(
    "path", ["../x", "fhir/%2e%2e/x", "a%2F..%2Fb", "..;/x", "%5c..%5cx", "%252e%252e/x"]
)
def test_no_path_leaves_the_origin_or_its_folder(edge: Edge, path: str) -> None:
    for mount in ("/hg/~", "/itsm"):
        start = f"GET {mount}/{path}".encode()
        assert edge.ask_raw(start, b"authorization: Bearer made-up") == 400
    assert edge.upstream.request_lines == []


@pytest.mark.parametrize("fields", [b"", b"Host: gw\r\nHost: gw\r\n", b"Host: gw\r\nhost: other\r\n"])
def test_request_without_one_host_is_not_sent(edge: Edge, fields: bytes) -> None:
    """Also after an accepted request on the same connection, whose response is stored (RFC 9112 3.2)."""
    start = f"GET {FHIR}/Patient/1 HTTP/1.1\r\nocp-apim-subscription-key: made-up-key\r\n".encode()
    host, port = edge.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall((start + b"Host: gw\r\n\r\n") * 2 + start + fields + b"\r\n")
        received = b"".join(iter(lambda: client.recv(65_536), b""))
    assert re.findall(rb"HTTP/1.1 (\d+) ", received) == [b"200", b"200", b"400"]
    assert b'"code":"bad-request"' in received
