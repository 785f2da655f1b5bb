"""Upstream client: headers, URLs, failures of the transport, and logs."""

import asyncio
import gzip
import string
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from support.requests import fhir_request, sql_request

from gateway.errors import catalog
from gateway.errors.failure import Failure, FailureKind
from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.interaction import NOT_FHIR
from gateway.fhir.search_params import Parameter, SearchParams
from gateway.upstreams import DIALECTS
from gateway.upstreams.client import UpstreamClient
from gateway.upstreams.diagnostics import UpstreamText
from gateway.upstreams.failures import UNRECOGNISED_RESPONSE

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
PATIENT = {"resourceType": "Patient", "id": "1"}
CREDENTIALS = (
    ("ocp-apim-subscription-key", "k"),
    ("authorization", "Bearer t"),
    ("deviceid", "d"),
    ("accept", "text/html"),
    ("cookie", "c=1"),
)


class FakeTransport(httpx.AsyncBaseTransport):
    """Records requests, and responds by a function."""

    def __init__(self, respond: Callable[[], httpx.Response]) -> None:
        self._respond = respond
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._respond()


def json(content: object, status: int = 200, **headers: str) -> httpx.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, content=msgspec.json.encode(content), headers=fields)


def raise_error(error: Exception) -> httpx.Response:
    raise error


async def exchange(
    request: FhirRequest,
    respond: Callable[[], httpx.Response],
    dialect: str = "halo-connect",
    text: UpstreamText = "masked",
) -> tuple[FhirResponse, httpx.Request]:
    transport = FakeTransport(respond)
    response = await UpstreamClient(transport, DIALECTS[dialect], lambda: NOW, text)(request)
    assert len(transport.requests) == 1
    return response, transport.requests[0]


def sent_url(sent: httpx.Request) -> httpx.URL:
    """URL of a request; the text for `PooledTransport` and the parsed URL are equal."""
    text = sent.extensions.get("url")
    assert text is None or httpx.URL(text) == sent.url
    return sent.url


async def require_failure(
    request: FhirRequest, respond: Callable[[], httpx.Response], dialect: str = "halo-connect"
) -> Failure:
    with capture_logs(), pytest.raises(Failure) as failure:
        await exchange(request, respond, dialect)
    return failure.value


@pytest.mark.parametrize(
    ("dialect", "names"),
    [
        ("halo-connect", {"ocp-apim-subscription-key", "authorization", "deviceid"}),
        ("health-gorilla", {"authorization"}),
        ("halo-itsm", {"authorization"}),
    ],
)
async def test_upstream_receives_its_own_credentials_only(dialect: str, names: set[str]) -> None:
    _, sent = await exchange(fhir_request("Patient/1", headers=CREDENTIALS), lambda: json(PATIENT), dialect)
    assert names == sent.headers.keys() & {name for name, _ in CREDENTIALS} - {"accept"}


@pytest.mark.parametrize(
    ("method", "names"),
    [("PUT", {"if-match", "if-none-match", "if-unmodified-since"}), ("GET", set())],
)
async def test_conditional_headers_are_sent_with_writes_only(method: str, names: set[str]) -> None:
    fields = (("if-match", 'W/"3"'), ("if-none-match", "*"), ("if-unmodified-since", "x"))
    request = fhir_request("Patient/1", method=method, headers=fields)
    _, sent = await exchange(request, lambda: json(PATIENT))
    assert sent.headers.keys() & {name for name, _ in fields} == names


async def test_accept_of_fhir_request_is_always_fhir_json() -> None:
    _, sent = await exchange(fhir_request("Patient/1", headers=CREDENTIALS), lambda: json(PATIENT))
    assert sent.headers["accept"] == "application/fhir+json"


@pytest.mark.parametrize(
    ("accept", "sent_accept"),
    [("text/csv", "text/csv"), ("", "*/*"), ("application/fhir+json", "*/*")],
)
async def test_accept_of_passthrough_request_is_the_clients(accept: str, sent_accept: str) -> None:
    request = fhir_request("Patient", headers=(("accept", accept),), interaction=NOT_FHIR, site=None)
    _, sent = await exchange(request, lambda: json({"rows": 1}), "halo-sql")
    assert sent.headers["accept"] == sent_accept


async def test_head_is_sent_as_get() -> None:
    _, sent = await exchange(fhir_request("Patient/1", method="HEAD"), lambda: json(PATIENT))
    assert sent.method == "GET"


@pytest.mark.parametrize(
    ("query", "sent_query"),
    [
        ("_count=500", "_count=100"),
        ("_count=100", "_count=100"),
        ("_count=x", "_count=x"),
        ("a=500", "a=500"),
    ],
)
async def test_count_is_limited_to_upstream_maximum(query: str, sent_query: str) -> None:
    bundle = {"resourceType": "Bundle", "type": "searchset"}
    _, sent = await exchange(fhir_request("Patient", query), lambda: json(bundle), "health-gorilla")
    assert sent_url(sent).query.decode() == sent_query
    _, sent = await exchange(fhir_request("Patient", query), lambda: json(bundle))
    assert sent_url(sent).query.decode() == query


@given(st.text(string.printable + "é/.%", max_size=30), st.text(string.printable + "é%", max_size=30))
@example("Patient/..", "")
@example("..", "%zz")
@example("a b", 'name="|x|{}"')
def test_url_and_headers_equal_those_of_httpx(path: str, query: str) -> None:
    request = fhir_request("Patient", method="POST", body=b"{}").replace(path=path.strip("\t\r\n\v\f"))
    request = request.replace(upstream_search=SearchParams((Parameter("", "", query.strip("\t\r\n\v\f")),)))
    try:
        expected = httpx.Request("POST", request.upstream_url, content=b"{}")
    except httpx.InvalidURL:
        return
    _, sent = asyncio.run(exchange(request, lambda: json(PATIENT), "halo-sql"))
    assert str(sent_url(sent)) == str(expected.url)
    assert expected.headers.items() <= sent.headers.items()


async def test_header_outside_ascii_is_returned_byte_for_byte() -> None:
    name = "filename=übung.txt"
    for encoding in ("latin-1", "utf-8"):
        raw = [(b"Content-Disposition", name.encode(encoding))]
        response, _ = await exchange(
            fhir_request("Patient/1"),
            lambda raw=raw: httpx.Response(200, headers=raw, content=msgspec.json.encode(PATIENT)),
        )
        assert response.header("content-disposition").encode("latin-1") == name.encode(encoding)


async def test_compressed_body_is_decompressed() -> None:
    compressed = gzip.compress(msgspec.json.encode(PATIENT))
    response, _ = await exchange(
        fhir_request("Patient/1"),
        lambda: httpx.Response(
            200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(compressed)
        ),
    )
    assert response.body == msgspec.json.encode(PATIENT)


async def test_count_in_form_is_limited() -> None:
    request = fhir_request("Patient/_search", method="POST", form="name=A&_count=101")
    _, sent = await exchange(
        request, lambda: json({"resourceType": "Bundle", "type": "searchset"}), "health-gorilla"
    )
    assert sent.read() == b"name=A&_count=100"


async def test_unlisted_response_headers_are_removed() -> None:
    response, _ = await exchange(fhir_request("Patient/1"), lambda: json(PATIENT, etag='W/"1"', server="x"))
    assert dict(response.headers) == {"etag": 'W/"1"', "content-type": "application/fhir+json"}


async def test_request_id_of_health_gorilla_reaches_the_client() -> None:
    ids = {"x_hg_request_id": "15e2305e94845d4d", "x_request_id": "abc-123"}
    response, _ = await exchange(fhir_request("Patient/1"), lambda: json(PATIENT, **ids), "health-gorilla")
    ids_received = {name: value for name, value in response.headers if name.startswith("x-")}
    assert ids_received == {"x-hg-request-id": "15e2305e94845d4d"}


async def test_upstream_request_id_is_in_diagnostics_and_allow_is_relayed() -> None:
    failure = await require_failure(
        fhir_request(), lambda: json({}, 405, x_ms_request_id="abcd-1234", allow="GET", server="x")
    )
    assert "upstream-request=abcd-1234" in failure.diagnostics
    assert ("allow", "GET") in failure.headers
    assert failure.upstream_response is not None
    assert dict(failure.upstream_response.headers) == {"allow": "GET"}


TRANSPORT_ERRORS: list[tuple[Exception, FailureKind, bool]] = [
    (httpx.ConnectError("x"), catalog.UPSTREAM_CONNECT, False),
    (httpx.ConnectTimeout("x"), catalog.UPSTREAM_CONNECT_TIMEOUT, False),
    (httpx.UnsupportedProtocol("x"), catalog.UPSTREAM_CONNECT, False),
    (httpx.ConnectError("upstream-refused ECONNREFUSED"), catalog.UPSTREAM_REFUSED, False),
    (httpx.ConnectError("upstream-unknown-host x"), catalog.UPSTREAM_UNKNOWN_HOST, False),
    (httpx.ConnectError("upstream-certificate expired"), catalog.UPSTREAM_CERTIFICATE, False),
    (httpx.ConnectError("upstream-tls x"), catalog.UPSTREAM_TLS, False),
    (httpx.ProxyError("proxy-refused 407"), catalog.PROXY_REFUSED, False),
    (httpx.ProxyError("proxy-unavailable ECONNREFUSED"), catalog.PROXY_UNAVAILABLE, False),
    (httpx.ProxyError("x"), catalog.PROXY_UNAVAILABLE, False),
    (httpx.ReadTimeout("x"), catalog.UPSTREAM_TIMEOUT, True),
    (httpx.ReadError("x"), catalog.UPSTREAM_RESET, True),
    (httpx.ReadError("proxy-refused 407"), catalog.UPSTREAM_RESET, True),
    (httpx.DecodingError("x"), catalog.RESPONSE_TOO_LARGE, True),
]


@pytest.mark.parametrize(("error", "kind", "sent"), TRANSPORT_ERRORS)
async def test_transport_error_has_its_kind(error: Exception, kind: FailureKind, sent: bool) -> None:
    assert (await require_failure(fhir_request(), lambda: raise_error(error))).kind is kind
    write = await require_failure(fhir_request("Patient/1", method="PUT"), lambda: raise_error(error))
    assert write.kind is (catalog.WRITE_OUTCOME_UNKNOWN if sent else kind)


@pytest.mark.parametrize("line", ["POST Patient/1/$x", "DELETE Patient/1", "PATCH Patient/1"])
async def test_timeout_of_possible_write_has_unknown_outcome(line: str) -> None:
    method, _, path = line.partition(" ")
    failure = await require_failure(
        fhir_request(path, method=method), lambda: raise_error(httpx.ReadTimeout("x"))
    )
    assert failure.kind.code == catalog.WRITE_OUTCOME_UNKNOWN.code
    assert failure.codings[0][1] == "upstream-timeout"


@pytest.mark.parametrize("error_type", [httpx.ReadError, httpx.ConnectError, httpx.ProxyError])
async def test_text_of_transport_error_is_not_in_diagnostics(error_type: type[httpx.TransportError]) -> None:
    for text in ("10.0.0.1 Zzyzx", "proxy-refused Zzyzx"):
        failure = await require_failure(fhir_request(), lambda text=text: raise_error(error_type(text)))
        assert failure.diagnostics == f"request=r-1 cause={error_type.__name__}"


async def test_proxy_status_is_in_diagnostics() -> None:
    failure = await require_failure(
        fhir_request(), lambda: raise_error(httpx.ProxyError("proxy-refused 407"))
    )
    assert failure.diagnostics == "request=r-1 cause=ProxyError proxy-status=407"


async def test_fatal_issue_about_ignored_parameter_becomes_a_warning() -> None:
    issue = {"severity": "fatal", "code": "exception", "details": {"text": "Argument not supported: x"}}
    entry = {
        "resource": {"resourceType": "OperationOutcome", "issue": [issue]},
        "search": {"mode": "outcome"},
    }
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [entry]}
    response, _ = await exchange(fhir_request(), lambda: json(bundle))
    assert b'"warning"' in response.body
    assert b'"fatal"' not in response.body


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_unrecognised_response_is_logged_as_warning(method: str) -> None:
    with capture_logs() as lines, pytest.raises(Failure):
        await exchange(
            fhir_request("Patient/1", method=method),
            lambda: json({"fault": "Zzyzx"}, 500, content_type="application/x-new"),
        )
    line = next(line for line in lines if line["event"] == UNRECOGNISED_RESPONSE.code)
    assert (line["log_level"], line["status"], line["content_type"]) == ("warning", 500, "application/x-new")
    assert line["upstream"] == "halo-connect"


@pytest.mark.parametrize("text", ["masked", "full", "none"])
async def test_failure_is_logged_at_debug_level_without_names(text: UpstreamText) -> None:
    with capture_logs() as lines, pytest.raises(Failure):
        await exchange(fhir_request(), lambda: json({"Message": "No such patient: Zzyzx"}, 400), text=text)
    (line,) = [line for line in lines if line["event"] == "upstream-failure"]
    assert (line["log_level"], line["status"], line["upstream_codes"]) == ("debug", 400, [])
    assert "such patient" not in str(lines)
    assert "Zzyzx" not in str(lines)


async def test_fields_that_cannot_be_relayed_are_dropped_and_counted() -> None:
    counts: list[tuple[str, int]] = []
    fields = {"etag": "a\x01", "x-progress": "1", "retry-after": "9" * 400, "server": "\x02"}
    transport = FakeTransport(lambda: json(PATIENT, **fields))
    client = UpstreamClient(
        transport,
        DIALECTS["halo-sql"],
        lambda: NOW,
        count_dropped_fields=lambda *count: counts.append(count),
    )
    response = await client(fhir_request("Patient/1"))
    assert dict(response.headers).keys() == {"x-progress"}
    assert counts == [("halo-sql", 2)]


async def test_url_that_cannot_be_sent_is_a_bad_request() -> None:
    search = SearchParams((Parameter("a", "", "a=\x01"),))
    with pytest.raises(Failure, match="bad-request"):
        await exchange(fhir_request("Patient", upstream_search=search), lambda: json(PATIENT))


async def test_transport_gets_the_timeout_of_a_request() -> None:
    transport = FakeTransport(lambda: json({}))
    limits = {"read": 90.0, "total": 130.0}
    client = UpstreamClient(
        transport, DIALECTS["halo-sql"], lambda: NOW, timeout_of=lambda sent: limits if sent.body else None
    )
    for body in (b"", b"{}"):
        await client(sql_request(body=body))
    assert [request.extensions.get("timeout") for request in transport.requests] == [None, limits]


@pytest.mark.parametrize("body", [b'{"a":"\\ud83dx"}', b'\xef\xbb\xbf{"a": 1.0}', b"\xef\xbb\xbf[]"])
@pytest.mark.parametrize("dialect", ["halo-sql", "halo-itsm"])
async def test_body_that_is_passed_through_keeps_each_byte(dialect: str, body: bytes) -> None:
    response, _ = await exchange(sql_request("immediate"), lambda: httpx.Response(200, content=body), dialect)
    assert response.body == body
    refused = httpx.Response(400, content=body, headers={"content-type": "application/json"})
    failure = await require_failure(sql_request("immediate"), lambda: refused, dialect)
    assert failure.upstream_response is not None
    assert failure.upstream_response.body == body


async def test_body_of_fhir_is_made_readable() -> None:
    body = b'\xef\xbb\xbf{"resourceType":"Patient","id":"1","x":"\\ud83d"}'
    response, _ = await exchange(fhir_request("Patient/1"), lambda: httpx.Response(200, content=body))
    assert response.body == b'{"resourceType":"Patient","id":"1","x":"\\ufffd"}'
