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
from support.requests import fhir_request

from gateway.errors import catalog
from gateway.errors.failure import Failure, FailureKind
from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.interaction import NOT_FHIR
from gateway.fhir.search_params import Parameter, SearchParams
from gateway.upstreams import DIALECTS
from gateway.upstreams.client import UpstreamClient
from gateway.upstreams.diagnostics import UpstreamText
from gateway.upstreams.failures import UNRECOGNISED_RESPONSE

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
PATIENT = {"resourceType": "Patient", "id": "1"}
CREDENTIALS = (
    ("ocp-apim-subscription-key", "k"),
    ("authorization", "Bearer t"),
    ("deviceid", "d"),
    ("accept", "text/html"),
    ("cookie", "c=1"),
)


class Wire(httpx.AsyncBaseTransport):
    """What stands for the network: answers by a function, keeps what it was sent."""

    def __init__(self, answer: Callable[[], httpx.Response]) -> None:
        self._answer = answer
        self.sent: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        return self._answer()


def json(content: object, status: int = 200, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, content=msgspec.json.encode(content), headers=named)


def raising(problem: Exception) -> httpx.Response:
    raise problem


def exchange(
    request: FhirRequest,
    answer: Callable[[], httpx.Response],
    dialect: str = "halo-connect",
    text: UpstreamText = "masked",
) -> tuple[FhirResponse, httpx.Request]:
    wire = Wire(answer)
    response = asyncio.run(UpstreamClient(wire, DIALECTS[dialect], lambda: NOW, text)(request))
    assert len(wire.sent) == 1
    return response, wire.sent[0]


def asked_for(sent: httpx.Request) -> httpx.URL:
    """The URL that goes over the wire, by the text that our transport takes and by the one others parse."""
    text = sent.extensions.get("url")
    assert text is None or httpx.URL(text) == sent.url
    return sent.url


def refused(
    request: FhirRequest, answer: Callable[[], httpx.Response], dialect: str = "halo-connect"
) -> Failure:
    with capture_logs(), pytest.raises(Failure) as failure:
        exchange(request, answer, dialect)
    return failure.value


@pytest.mark.parametrize(
    ("dialect", "names"),
    [
        ("halo-connect", {"ocp-apim-subscription-key", "authorization", "deviceid"}),
        ("health-gorilla", {"authorization"}),
        ("halo-itsm", {"authorization"}),
    ],
)
def test_each_upstream_gets_its_own_credentials_only(dialect: str, names: set[str]) -> None:
    _, sent = exchange(fhir_request("Patient/1", headers=CREDENTIALS), lambda: json(PATIENT), dialect)
    assert names == sent.headers.keys() & {name for name, _ in CREDENTIALS} - {"accept"}


@pytest.mark.parametrize(
    ("method", "names"),
    [("PUT", {"if-match", "if-none-match", "if-unmodified-since"}), ("GET", set())],
)
def test_the_conditions_of_a_change_are_the_upstreams_those_of_a_read_are_ours(
    method: str, names: set[str]
) -> None:
    fields = (("if-match", 'W/"3"'), ("if-none-match", "*"), ("if-unmodified-since", "x"))
    request = fhir_request("Patient/1", method=method, headers=fields)
    _, sent = exchange(request, lambda: json(PATIENT))
    assert sent.headers.keys() & {name for name, _ in fields} == names


def test_a_kept_answer_is_put_to_the_upstream_by_its_own_etag() -> None:
    request = fhir_request("Patient/1", headers=(("if-none-match", 'W/"gw-1"'),), if_none_match='W/"7"')
    answer, sent = exchange(request, lambda: httpx.Response(304, headers={"etag": 'W/"7"'}))
    assert sent.headers["if-none-match"] == 'W/"7"'
    assert (answer.status, answer.header("etag")) == (304, 'W/"7"')


def test_fhir_is_asked_for_as_fhir_whatever_the_client_accepts() -> None:
    _, sent = exchange(fhir_request("Patient/1", headers=CREDENTIALS), lambda: json(PATIENT))
    assert sent.headers["accept"] == "application/fhir+json"


@pytest.mark.parametrize(
    ("accept", "asked"),
    [("text/csv", "text/csv"), ("", "*/*"), ("application/fhir+json", "*/*")],
)
def test_what_is_not_fhir_is_asked_for_as_the_client_does(accept: str, asked: str) -> None:
    request = fhir_request("Patient", headers=(("accept", accept),), interaction=NOT_FHIR, site=None)
    _, sent = exchange(request, lambda: json({"rows": 1}), "halo-sql")
    assert sent.headers["accept"] == asked


def test_head_is_asked_as_get() -> None:
    _, sent = exchange(fhir_request("Patient/1", method="HEAD"), lambda: json(PATIENT))
    assert sent.method == "GET"


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("_count=500", "_count=100"),
        ("_count=100", "_count=100"),
        ("_count=x", "_count=x"),
        ("a=500", "a=500"),
    ],
)
def test_pages_are_no_larger_than_the_upstream_allows(query: str, asked: str) -> None:
    bundle = {"resourceType": "Bundle", "type": "searchset"}
    _, sent = exchange(fhir_request("Patient", query), lambda: json(bundle), "health-gorilla")
    assert asked_for(sent).query.decode() == asked
    _, sent = exchange(fhir_request("Patient", query), lambda: json(bundle))
    assert asked_for(sent).query.decode() == query


@given(st.text(string.printable + "é/.%", max_size=30), st.text(string.printable + "é%", max_size=30))
@example("Patient/..", "")
@example("..", "%zz")
@example("a b", 'name="|x|{}"')
def test_the_url_and_its_header_fields_are_those_that_httpx_would_make(path: str, query: str) -> None:
    request = fhir_request("Patient").replace(path=path.strip("\t\r\n\v\f"), method="POST", body=b"{}")
    request = request.replace(upstream_search=SearchParams((Parameter("", "", query.strip("\t\r\n\v\f")),)))
    try:
        theirs = httpx.Request("POST", request.upstream_url, content=b"{}")
    except httpx.InvalidURL:
        return
    _, sent = exchange(request, lambda: json(PATIENT), "halo-sql")
    assert str(asked_for(sent)) == str(theirs.url)
    assert theirs.headers.items() <= sent.headers.items()


def test_header_fields_outside_ascii_come_back_byte_for_byte() -> None:
    name = "filename=übung.txt"
    for encoding in ("latin-1", "utf-8"):
        raw = [(b"Content-Disposition", name.encode(encoding))]
        response, _ = exchange(
            fhir_request("Patient/1"),
            lambda raw=raw: httpx.Response(200, headers=raw, content=msgspec.json.encode(PATIENT)),
        )
        assert response.header("content-disposition").encode("latin-1") == name.encode(encoding)


def test_what_a_transport_leaves_packed_is_unpacked() -> None:
    packed = gzip.compress(msgspec.json.encode(PATIENT))
    response, _ = exchange(
        fhir_request("Patient/1"),
        lambda: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(packed)),
    )
    assert response.body == msgspec.json.encode(PATIENT)


def test_a_posted_search_is_capped_in_its_form() -> None:
    request = fhir_request("Patient/_search", method="POST", form="name=A&_count=101")
    _, sent = exchange(
        request, lambda: json({"resourceType": "Bundle", "type": "searchset"}), "health-gorilla"
    )
    assert sent.read() == b"name=A&_count=100"


def test_only_named_header_fields_come_back() -> None:
    response, _ = exchange(fhir_request("Patient/1"), lambda: json(PATIENT, etag='W/"1"', server="x"))
    assert dict(response.headers) == {"etag": 'W/"1"'}


def test_ids_that_stop_here_are_in_diagnostics_and_allow_reaches_the_client() -> None:
    failure = refused(
        fhir_request(), lambda: json({}, 405, x_ms_request_id="abcd-1234", allow="GET", server="x")
    )
    assert "upstream-request=abcd-1234" in failure.diagnostics
    assert ("allow", "GET") in failure.headers
    assert failure.upstream_response is not None
    assert dict(failure.upstream_response.headers) == {"allow": "GET"}


TRANSPORT: list[tuple[Exception, FailureKind, bool]] = [
    (httpx.ConnectError("x"), catalog.UPSTREAM_CONNECT, False),
    (httpx.ConnectTimeout("x"), catalog.UPSTREAM_CONNECT, False),
    (httpx.UnsupportedProtocol("x"), catalog.UPSTREAM_CONNECT, False),
    (httpx.ConnectError("upstream-certificate"), catalog.UPSTREAM_CERTIFICATE, False),
    (httpx.ProxyError("proxy-refused 407"), catalog.PROXY_REFUSED, False),
    (httpx.ProxyError("proxy-unavailable"), catalog.PROXY_UNAVAILABLE, False),
    (httpx.ProxyError("x"), catalog.PROXY_UNAVAILABLE, False),
    (httpx.ReadTimeout("x"), catalog.UPSTREAM_TIMEOUT, True),
    (httpx.ReadError("x"), catalog.UPSTREAM_RESET, True),
    (httpx.ReadError("proxy-refused 407"), catalog.UPSTREAM_RESET, True),
    (httpx.DecodingError("x"), catalog.RESPONSE_TOO_LARGE, True),
]


@pytest.mark.parametrize(("problem", "kind", "sent"), TRANSPORT)
def test_each_way_to_lose_an_answer_has_its_kind(problem: Exception, kind: FailureKind, sent: bool) -> None:
    assert refused(fhir_request(), lambda: raising(problem)).kind is kind
    written = refused(fhir_request("Patient/1", method="PUT"), lambda: raising(problem))
    assert written.kind is (catalog.WRITE_OUTCOME_UNKNOWN if sent else kind)


@pytest.mark.parametrize("line", ["POST Patient/1/$x", "DELETE Patient/1", "PATCH Patient/1"])
def test_whatever_may_have_changed_data_is_said_to_be_open(line: str) -> None:
    method, _, path = line.partition(" ")
    failure = refused(fhir_request(path, method=method), lambda: raising(httpx.ReadTimeout("x")))
    assert failure.kind is catalog.WRITE_OUTCOME_UNKNOWN
    assert failure.codings[0][1] == "upstream-timeout"


@pytest.mark.parametrize("shape", [httpx.ReadError, httpx.ConnectError, httpx.ProxyError])
def test_the_words_of_a_broken_connection_stay_here(shape: type[httpx.TransportError]) -> None:
    for words in ("10.0.0.1 Zzyzx", "proxy-refused Zzyzx"):
        failure = refused(fhir_request(), lambda words=words: raising(shape(words)))
        assert failure.diagnostics == f"request=r-1 cause={shape.__name__}"


def test_the_status_of_a_proxy_is_in_diagnostics() -> None:
    failure = refused(fhir_request(), lambda: raising(httpx.ProxyError("proxy-refused 407")))
    assert failure.diagnostics == "request=r-1 cause=ProxyError proxy-status=407"


def test_an_ignored_parameter_called_fatal_reaches_the_client_as_a_warning() -> None:
    issue = {"severity": "fatal", "code": "exception", "details": {"text": "Argument not supported: x"}}
    entry = {
        "resource": {"resourceType": "OperationOutcome", "issue": [issue]},
        "search": {"mode": "outcome"},
    }
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [entry]}
    response, _ = exchange(fhir_request(), lambda: json(bundle))
    assert b'"warning"' in response.body
    assert b'"fatal"' not in response.body


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_an_unknown_shape_is_told_to_the_operator(method: str) -> None:
    with capture_logs() as lines, pytest.raises(Failure):
        exchange(
            fhir_request("Patient/1", method=method),
            lambda: json({"fault": "Zzyzx"}, 500, content_type="application/x-new"),
        )
    told = next(each for each in lines if each["event"] == UNRECOGNISED_RESPONSE.code)
    assert (told["log_level"], told["status"], told["content_type"]) == ("warning", 500, "application/x-new")
    assert told["upstream"] == "halo-connect"


@pytest.mark.parametrize("text", ["masked", "full", "none"])
def test_failure_is_logged_at_debug_level_without_names(text: UpstreamText) -> None:
    with capture_logs() as lines, pytest.raises(Failure):
        exchange(fhir_request(), lambda: json({"Message": "No such patient: Zzyzx"}, 400), text=text)
    (line,) = [each for each in lines if each["event"] == "upstream-failure"]
    assert (line["log_level"], line["status"]) == ("debug", 400)
    assert "Zzyzx" not in str(lines)
