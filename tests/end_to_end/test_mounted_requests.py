"""Requests to mounted upstreams over real sockets: the bytes that arrive there, and those that come back."""

import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from end_to_end.failing_gateway import run_gateway
from hypothesis import given, settings
from hypothesis import strategies as st
from support.echo_upstream import EchoUpstream

from gateway.settings import Settings

TOKEN = {"authorization": "Bearer t-1"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
FHIR = {"content-type": "application/fhir+json", "accept": "application/fhir+json"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PATIENT = b'{"resourceType":"Patient","id":"1"}'
BUNDLE = b'{"resourceType":"Bundle","type":"searchset","entry":[]}'
PDF = b"%PDF-1.7\n\x00\xff\xfe"


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The gateway's error code."""
        code: str = json.loads(self.body)["issue"][0]["details"]["coding"][0]["code"]
        return code

    @property
    def text(self) -> str:
        """The text of the error for people."""
        text: str = json.loads(self.body)["issue"][0]["details"]["text"]
        return text


class Gateway(NamedTuple):
    url: str
    upstream: EchoUpstream

    def send(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: dict[str, str] | list[tuple[str, str]] = TOKEN,
    ) -> Response:
        """Send exactly these bytes."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for field in headers.items() if isinstance(headers, dict) else headers:
                connection.putheader(*field)
            if body is not None:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Response(response.status, fields, response.read())
        finally:
            connection.close()

    def sent_target(self, method: str, target: str, body: bytes | None = None) -> str:
        """Path and query that arrive at the upstream."""
        assert self.send(method, target, body).status == 200
        return self.upstream.requests[-1].target


@pytest.fixture(scope="module")
def running() -> Iterator[Gateway]:
    with EchoUpstream() as upstream:
        mounts = {
            "tickets": {"url": f"{upstream.url}/api%20root", "dialect": "halo-itsm", "path": "/itsm"},
            "labs": {"url": f"{upstream.url}/fhir/R4", "dialect": "health-gorilla", "path": "/labs"},
            "old": {
                "url": f"{upstream.url}/fhir",
                "dialect": "health-gorilla",
                "path": "/old",
                "fhir_version": "3.0",
                "max_request_body": 1_000,
            },
        }
        sections: dict[str, Any] = {"upstreams": mounts, "retry": {"max_wait_seconds": 1}}
        with run_gateway(Settings.model_validate(sections)) as url:
            yield Gateway(url, upstream)


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    running.upstream.reset()
    return running


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "path",
    [
        "api/Tickets/1",
        "api/Tickets/",
        "a%20b/O'Brien%2C+Co@x.example",
        "a,b;c=d:e+f(g)h*!$&=~_-.i",
        "%c3%a9/%C3%A9/%E2%82%AC",
        "a%2Fb/100%25",
        "a//b",
        ".well-known/..hidden/...",
        '[1]{2}|3|^4`5"6<7>',
    ],
)
def test_path_reaches_the_upstream_byte_for_byte(gateway: Gateway, method: str, path: str) -> None:
    assert gateway.sent_target(method, f"/itsm/{path}") == f"/api%20root/{path}"


@pytest.mark.parametrize(
    "query",
    [
        "pageinate=true&page_no=1&page_size=50",
        "search=O'Brien%20%26%20Co&search=O'Brien+%26+Co",
        "a=1&a=2&a=&a&&=x&",
        "filter[0][name]=x&ids=1,2,3&url=https://x.example/../y",
        'q={"a":[1]}|<b>^`&c=%zz%',
        "_format=json&_count=500",
    ],
)
def test_query_reaches_the_upstream_byte_for_byte(gateway: Gateway, query: str) -> None:
    assert gateway.sent_target("GET", f"/itsm/api/Tickets?{query}") == f"/api%20root/api/Tickets?{query}"
    assert gateway.sent_target("GET", f"/labs/~/files/1?{query}") == f"/files/1?{query}"


@pytest.mark.parametrize(
    "path",
    [
        *("../x", "a/..", "a/%2e%2E/b", "a/%2e", "a/.%2e/b", "a%2F..%2fb", "a/%252e%252e/b", "a/..;x/b"),
        *("a/..%20/b", "a\\b", "a%5cb", "a%255Cb", "a%00", "a%0a", "a%7f", "a%C2%85", "a%zz", "a%", "a%4"),
        *("a%ff", "%c0%ae%c0%ae/b", "a%2525252525b"),
    ],
)
@pytest.mark.parametrize("mount", ["/itsm", "/labs/~"])
def test_unsafe_path_is_refused(gateway: Gateway, mount: str, path: str) -> None:
    response = gateway.send("GET", f"{mount}/{path}")
    assert (response.status, response.code, gateway.upstream.requests) == (400, "bad-path", [])
    assert "It was not sent. Encode each segment once" in response.text


def test_path_with_a_line_break_is_refused(gateway: Gateway) -> None:
    response = gateway.send("GET", "/itsm/a%0d%0aX:1")
    assert (response.status, response.code, gateway.upstream.requests) == (404, "unknown-path", [])


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b'[{"summary":"x"},{"id":1}]', {"content-type": "application/json; charset=utf-8"}),
        (b"\xef\xbb\xbf[]", {"content-type": "application/json"}),
        (b"a=1&b=%20", FORM),
        (b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n\x00\xff\r\n--b--\r\n',
         {"content-type": "multipart/form-data; boundary=b"}),
        (gzip.compress(b"[]", mtime=0), {"content-encoding": "gzip", "content-type": "application/json"}),
        (b"\x1b\x00", {"content-encoding": "br", "content-type": "text/csv"}),
        (b"", {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_body_and_its_fields_reach_the_upstream(
    gateway: Gateway, method: str, content: bytes, headers: dict[str, str]
) -> None:
    assert gateway.send(method, "/itsm/api/Tickets", content, TOKEN | headers).status == 200
    (sent,) = gateway.upstream.requests
    assert (sent.line, sent.body) == (f"{method} /api%20root/api/Tickets HTTP/1.1", content)
    assert headers.items() <= sent.headers.items()
    assert {"content-type", "content-encoding"} & sent.headers.keys() == headers.keys()


def test_head_has_the_fields_of_get(gateway: Gateway) -> None:
    response = gateway.send("HEAD", "/itsm/api/Tickets")
    assert (response.status, response.headers["content-length"], response.body) == (200, "2", b"")


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("path", ["/itsm/api/Tickets", "/labs/~/files/1", "/labs/oauth/token"])
def test_other_method_is_refused_with_those_that_pass(gateway: Gateway, method: str, path: str) -> None:
    response = gateway.send(method, path)
    assert (response.status, response.headers["allow"]) == (405, "DELETE, GET, HEAD, PATCH, POST, PUT")
    assert gateway.upstream.requests == []


@pytest.mark.parametrize(
    ("path", "limit", "setting"),
    [
        ("/itsm/api/Tickets", 20_000_000, "upstreams.tickets.max_request_body"),
        ("/labs/Binary", 16_000_000, "upstreams.labs.max_request_body"),
        ("/labs/~/files", 16_000_000, "upstreams.labs.max_request_body"),
        ("/old/Binary", 1_000, "upstreams.old.max_request_body"),
    ],
)
def test_body_limit_is_that_of_the_upstream(gateway: Gateway, path: str, limit: int, setting: str) -> None:
    headers = TOKEN | {"content-type": "application/pdf"}
    gateway.upstream.respond(PATIENT, {"content-type": "application/json"}, "201 Created")
    gateway.send("POST", path, bytes(limit), headers)
    assert [len(sent.body) for sent in gateway.upstream.requests] == [limit]
    response = gateway.send("POST", path, bytes(limit + 1), headers)
    assert (response.status, response.code, len(gateway.upstream.requests)) == (413, "body-too-large", 1)
    assert f"{limit:,} bytes" in response.text
    assert setting in response.text


TOKENS = [
    ("/itsm/token?tenant=acme", "/api%20root/token?tenant=acme"),
    ("/itsm/auth/token", "/api%20root/auth/token"),
    ("/labs/oauth/token", "/oauth/token"),
    ("/labs/~/oauth/token", "/oauth/token"),
    ("/labs/%7E/oauth/token", "/oauth/token"),
    ("/old/oauth/token", "/oauth/token"),
]
GRANT = b"grant_type=client_credentials&client_id=a&client_secret=Zzyzx&assertion=e30.e30.e30"


@pytest.mark.parametrize(("path", "target"), TOKENS)
def test_token_request_passes_without_a_credential(gateway: Gateway, path: str, target: str) -> None:
    answer = b'{"access_token":"x",\n "token_type":"Bearer"}'
    fields = {"content-type": "application/json;charset=UTF-8", "cache-control": "no-store"}
    gateway.upstream.respond(answer, fields)
    responses = [gateway.send("POST", path, GRANT, FORM) for _ in range(2)]
    for response, sent in zip(responses, gateway.upstream.requests, strict=True):
        assert (sent.target, sent.body, sent.headers["content-type"]) == (target, GRANT, FORM["content-type"])
        assert "authorization" not in sent.headers
        assert (response.status, response.body) == (200, answer)
        assert fields.items() <= response.headers.items()


@pytest.mark.parametrize(
    "accept", ["", "text/html", "image/png;q=0.1", "application/json; fhirVersion=9", "%"]
)
@pytest.mark.parametrize("path", ["/itsm/api/x", "/labs/~/files/1", "/labs/oauth/token"])
def test_no_accept_is_refused_where_content_is_passed_through(
    gateway: Gateway, path: str, accept: str
) -> None:
    response = gateway.send("POST", path, b"", {"accept": accept})
    assert (response.status, response.body) == (200, b"[]")
    assert gateway.upstream.requests[0].headers["accept"] == (accept or "*/*")


@pytest.mark.parametrize("accept", ["application/pdf", "*/*", "application/fhir+json", ""])
@pytest.mark.parametrize("path", ["/labs/Binary/1", "/old/Binary/1"])
def test_content_of_a_binary_is_unchanged(gateway: Gateway, path: str, accept: str) -> None:
    gateway.upstream.respond(PDF, {"content-type": "application/pdf"})
    response = gateway.send("GET", path, None, TOKEN | ({"accept": accept} if accept else {}))
    assert (response.status, response.headers["content-type"], response.body) == (200, "application/pdf", PDF)
    (sent,) = gateway.upstream.requests
    assert sent.headers["accept"].partition(",")[0] == (accept or "application/fhir+json")


def test_binary_resource_stays_one_for_any_accept(gateway: Gateway) -> None:
    resource = b'{"resourceType":"Binary","id":"1","contentType":"application/pdf","data":"JVBERg=="}'
    gateway.upstream.respond(resource, {"content-type": "application/fhir+json"})
    assert gateway.send("GET", "/labs/Binary/1", None, TOKEN | {"accept": "*/*"}).body == resource
    assert gateway.send("GET", "/labs/Binary/1", None, TOKEN | {"accept": "application/pdf"}).body == b"%PDF"


@pytest.mark.parametrize("headers", [{}, TOKEN, {"range": "bytes=0-1"}])
def test_download_link_gives_the_whole_file(gateway: Gateway, headers: dict[str, str]) -> None:
    fields = {"content-type": "application/pdf", "content-disposition": 'inline; filename="a.pdf"'}
    gateway.upstream.respond(PDF, fields)
    response = gateway.send("GET", "/labs/~/download/a%20b?token=Zz%2Fy", None, headers)
    assert (response.status, response.body, gateway.upstream.requests[0].target) == (
        200,
        PDF,
        "/download/a%20b?token=Zz%2Fy",
    )
    assert fields.items() <= response.headers.items()
    head = gateway.send("HEAD", "/labs/~/download/a%20b?token=Zz%2Fy", None, headers)
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(PDF)), b"")


@pytest.mark.parametrize("content", [b'\xef\xbb\xbf{"a":"\\ud800"}', BUNDLE, PATIENT])
def test_json_beside_the_base_is_unchanged(gateway: Gateway, content: bytes) -> None:
    gateway.upstream.respond(content, {"content-type": "application/json"})
    assert gateway.send("GET", "/labs/~/files/1").body == content


def test_path_beside_the_base_that_is_below_it_is_fhir(gateway: Gateway) -> None:
    gateway.upstream.respond(PATIENT, {"content-type": "application/json"})
    assert gateway.send("GET", "/labs/~/fhir/R4/Patient/1", None, {}).status == 401
    response = gateway.send("GET", "/labs/~/fhir/R4/Patient/1")
    assert (response.status, response.headers["content-type"].partition(";")[0]) == (
        200,
        "application/fhir+json",
    )
    assert gateway.upstream.requests[0].target == "/fhir/R4/Patient/1"


@pytest.mark.parametrize(
    ("path", "target", "content"),
    [
        ("Patient?family=O'Brien%20%26&_cursor=a%2Bb%3D&_offset=20", None, BUNDLE),
        ("Patient?_count=500", "Patient?_count=100", BUNDLE),
        ("OperationOutcome?async=true", None, BUNDLE),
        ("RequestResult/7f-1", None, BUNDLE),
        ("Patient/$patient-match?a=1", None, BUNDLE),
        ("DocumentReference/$docref?patient=1", None, BUNDLE),
        ("Patient/1/_history/2", None, b'{"resourceType":"Patient","id":"1"}'),
    ],
)
def test_fhir_request_reaches_the_base(
    gateway: Gateway, path: str, target: str | None, content: bytes
) -> None:
    gateway.upstream.respond(content, {"content-type": "application/fhir+json"})
    assert gateway.sent_target("GET", f"/labs/{path}") == f"/fhir/R4/{target or path}"


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/labs/RequestResult/7f", "/fhir/R4/RequestResult/7f"),
        ("/labs/~/fhir/RequestResult/7f", "/fhir/RequestResult/7f"),
        ("/old/RequestResult/7f", "/fhir/RequestResult/7f"),
        ("/old/~/RequestResult/7f", "/RequestResult/7f"),
    ],
)
def test_job_is_polled_or_cancelled(gateway: Gateway, method: str, path: str, target: str) -> None:
    fields = {"x-progress": "50%", "retry-after": "5", "x-hg-request-id": "15e2", "x-correlation-id": "c-1"}
    gateway.upstream.respond(b"", fields, "202 Accepted")
    response = gateway.send(method, path)
    assert (response.status, gateway.upstream.requests[0].target) == (202, target)
    assert fields.items() <= response.headers.items()
    assert gateway.send("PUT", path, b"{}", TOKEN | FHIR).status in {404, 405}


def test_asynchronous_request_gets_its_location(gateway: Gateway) -> None:
    fields = {
        "location": f"{gateway.upstream.url}/fhir/R4/RequestResult/7f",
        "preference-applied": "respond-async",
    }
    gateway.upstream.respond(b"", fields, "202 Accepted")
    response = gateway.send("GET", "/labs/Patient?name=x", None, TOKEN | {"prefer": "respond-async"})
    assert (response.status, response.headers["preference-applied"]) == (202, "respond-async")
    assert response.headers["location"].endswith("/RequestResult/7f")
    assert gateway.upstream.requests[0].headers["prefer"] == "respond-async"


SENT_FIELDS = {
    "hg-idempotency-key": "15e72676-48c3-11ea-b77f-2e728ce88125",
    "x-correlation-id": "c-1",
    "x-request-id": "r-1",
}
RECEIVED_FIELDS = {
    "x-hg-request-id": "15e2305e94845d4d2f3f7796",
    "x-correlation-id": "c-1",
    "x-ratelimit-limit": "20",
    "x-ratelimit-remaining": "19",
    "x-ratelimit-reset": "1",
}


@pytest.mark.parametrize("path", ["/labs/Patient", "/labs/~/files", "/itsm/api/Tickets"])
def test_identifying_fields_pass_both_ways(gateway: Gateway, path: str) -> None:
    gateway.upstream.respond(PATIENT, RECEIVED_FIELDS | {"content-type": "application/json"}, "201 Created")
    response = gateway.send("POST", path, PATIENT, TOKEN | FHIR | SENT_FIELDS)
    assert response.status == 201
    assert RECEIVED_FIELDS.items() <= response.headers.items()
    assert response.headers["x-request-id"] == "r-1"
    not_sent = {"hg-idempotency-key"} if path.startswith("/itsm") else set()
    sent = {name: value for name, value in SENT_FIELDS.items() if name not in not_sent}
    received = gateway.upstream.requests[0].headers
    assert sent.items() <= received.items()
    assert not_sent.isdisjoint(received)


@pytest.mark.parametrize("keys", [["a", "b"], ["a", "a"], ["a, b"], ["a b"], [""], ["k" * 256]])
@pytest.mark.parametrize("path", ["/labs/Patient", "/labs/~/files"])
def test_idempotency_key_that_may_be_several_is_refused(gateway: Gateway, path: str, keys: list[str]) -> None:
    fields = [*TOKEN.items(), *FHIR.items(), *(("hg-idempotency-key", key) for key in keys)]
    response = gateway.send("POST", path, PATIENT, fields)
    assert (response.status, gateway.upstream.requests) == (400, [])
    assert json.loads(response.body)["issue"][0]["expression"] == ["http.HG-Idempotency-Key"]


@pytest.mark.parametrize(
    ("mount", "type_", "is_known"),
    [
        ("old", "ProcedureRequest", True),
        ("old", "ServiceRequest", False),
        ("labs", "ProcedureRequest", False),
        ("labs", "ServiceRequest", True),
    ],
)
def test_resource_types_are_those_of_the_version(
    gateway: Gateway, mount: str, type_: str, is_known: bool
) -> None:
    resource = f'{{"resourceType":"{type_}","id":"1"}}'.encode()
    gateway.upstream.respond(resource, {"content-type": "application/json"})
    response = gateway.send("GET", f"/{mount}/{type_}/1")
    assert (response.status, len(gateway.upstream.requests)) == ((200, 1) if is_known else (404, 0))
    assert is_known or ("STU3" if mount == "old" else "R4") in response.text


@pytest.mark.parametrize(
    ("mount", "version", "is_permitted"),
    [
        *(("old", "3.0", True), ("old", "3.0.1", True), ("old", "4.0", False)),
        *(("labs", "4.0", True), ("labs", "4.0.1", True), ("labs", "3.0", False)),
    ],
)
def test_version_parameter_must_be_that_of_the_upstream(
    gateway: Gateway, mount: str, version: str, is_permitted: bool
) -> None:
    gateway.upstream.respond(PATIENT, {"content-type": "application/json"})
    named = f"application/fhir+json; fhirVersion={version}"
    read = gateway.send("GET", f"/{mount}/Patient/1", None, TOKEN | {"accept": named})
    assert read.status == (200 if is_permitted else 406)
    change = gateway.send("PUT", f"/{mount}/Patient/1", PATIENT, TOKEN | {"content-type": named})
    assert change.status == (200 if is_permitted else 415)
    assert len(gateway.upstream.requests) == (2 if is_permitted else 0)


@pytest.mark.parametrize(
    "query",
    ["authored=ge2024&subject:Patient.birthdate=1980&_lastUpdated=2024", "date=x", "occurrence=2024-13"],
)
def test_search_of_a_stu3_type_passes_unchanged(gateway: Gateway, query: str) -> None:
    gateway.upstream.respond(BUNDLE, {"content-type": "application/fhir+json"})
    assert gateway.sent_target("GET", f"/old/ProcedureRequest?{query}") == f"/fhir/ProcedureRequest?{query}"


@pytest.mark.parametrize("path", ["/labs/Patient", "/labs/RequestResult/1", "/labs/~/fhir/RequestResult/1"])
def test_fhir_needs_a_credential(gateway: Gateway, path: str) -> None:
    response = gateway.send("GET", path, None, {})
    assert (response.status, response.code, gateway.upstream.requests) == (401, "credentials-missing", [])


def send_raw(gateway: Gateway, request: bytes) -> bytes:
    """First line of the response to these bytes; empty if there is none."""
    with socket.create_connection(("127.0.0.1", urlsplit(gateway.url).port or 0), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").readline()


_VISIBLE = st.lists(st.integers(33, 255), max_size=30).map(bytes)
_NAMES = st.sampled_from(
    [b"accept", b"authorization", b"content-type", b"hg-idempotency-key", b"prefer", b"range"]
)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"QUERY"]),
    st.sampled_from([b"/itsm/", b"/labs/", b"/labs/~/", b"/labs/Patient/", b"/labs/Binary?", b"/old/%7e"]),
    _VISIBLE,
    st.lists(st.tuples(_NAMES, st.lists(st.integers(32, 255), max_size=20).map(bytes)), max_size=4),
)
def test_no_request_is_an_internal_error(
    running: Gateway, method: bytes, path: bytes, target: bytes, fields: list[tuple[bytes, bytes]]
) -> None:
    headers = b"".join(b"%s: %s\r\n" % field for field in fields)
    line = b"%s %s%s HTTP/1.1\r\nHost: gw.example\r\n" % (method, path, target)
    first = send_raw(running, line + headers + b"Content-Length: 2\r\n\r\n{}")
    assert not first or int(first.split()[1]) in {*range(200, 500), 502}, (line, headers, first)
