"""Requests to a mounted upstream."""

import asyncio
from time import monotonic
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from support.asgi import KEY, asgi_request, settings

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.http.headers import CREDENTIALS
from gateway.settings import MountedUpstream
from gateway.web.endpoint import ReadRequest
from gateway.web.mounted_reader import MountedRequestReader

pytestmark = pytest.mark.anyio

TOKEN = {"authorization": "Bearer t"}
FHIR = "https://api.example/fhir/R4"


def reader(**sections: Any) -> MountedRequestReader:
    fields = {"url": FHIR, "dialect": "health-gorilla", "path": "/hg"}
    fields |= {name: sections.pop(name) for name in ("fhir_version", "max_request_body") if name in sections}
    upstream = MountedUpstream.model_validate(fields)
    return MountedRequestReader(settings(**sections), "gorilla", upstream)


async def read_fhir(path: str, headers: dict[str, str] | None = None, **parts: Any) -> FhirRequest:
    return await reader().read_fhir(asgi_request(path, TOKEN if headers is None else headers, **parts))


async def test_path_below_the_mount_is_fhir() -> None:
    request = await read_fhir("/hg/Patient/1")
    assert (request.interaction.code, request.upstream_url) == ("read", f"{FHIR}/Patient/1")
    assert request.public_base == "http://gw.example/hg"


async def test_mount_itself_is_the_base() -> None:
    request = await read_fhir("/hg", method="POST")
    assert (request.interaction.code, request.upstream_url) == ("transaction", FHIR)


async def test_site_has_name_and_repair_switches_of_upstream() -> None:
    request = asgi_request("/hg/Patient", TOKEN)
    site = (await reader(repairs={"link-base-url": False}).read_fhir(request)).site
    assert site is not None
    assert (site.name, site.disabled_repairs) == ("gorilla", frozenset({"link-base-url"}))


@pytest.mark.parametrize("path", ["RequestResult/7f", "~/fhir/RequestResult/7f"])
async def test_status_of_asynchronous_request_is_an_operation(path: str) -> None:
    assert (await read_fhir(f"/hg/{path}")).interaction.operation == "RequestResult"
    assert (await read_fhir(f"/hg/{path}", method="DELETE")).interaction.is_write


@pytest.mark.parametrize(
    ("path", "parts", "code"),
    [
        ("/hg/Patient", {"headers": {}}, "credentials-missing"),
        ("/hg/Nonsense", {}, "type-unknown"),
        ("/hg/~/fhir/RequestResult/7f", {"headers": {}}, "credentials-missing"),
        ("/hg/~/fhir/RequestResult/7f", {"method": "PUT"}, "method-not-allowed"),
        ("/hg/~/fhir/R4/Patient", {"headers": {}}, "credentials-missing"),
        ("/hg/~/fhir/R4/Patient//1", {}, "bad-path"),
        ("/hg/~/fhir/R4/%2550atient/1", {"headers": {}}, "credentials-missing"),
        ("/hg/~/fhir/R4/Patient;a/1", {}, "unknown-path"),
        ("/hg/~/files", {"method": "TRACE"}, "method-not-allowed"),
        ("/hg/~/a/%2e%2e/b", {}, "bad-path"),
        ("/hg/oauth/other", {"method": "POST"}, "unknown-path"),
        ("/hg/Patient", {"headers": {**TOKEN, "hg-idempotency-key": "a,b"}}, "bad-request"),
        ("/hg/Patient", {"method": "DELETE"}, "method-not-allowed"),
        ("/hg/RequestResult/7f", {"method": "PUT"}, "type-unknown"),
        ("/hg/%zz", {}, "bad-path"),
    ],
)
async def test_invalid_request_is_rejected_with_its_code(path: str, parts: dict[str, Any], code: str) -> None:
    with pytest.raises(Failure) as failure:
        await read_fhir(path, **parts)
    assert failure.value.kind.code == code


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("~/x/Patient", "~/x/Patient"),
        ("~/a/b/RequestResult/7f", "~/a/b/RequestResult/7f"),
        ("~/RequestResult/7f", "~/RequestResult/7f"),
        ("~/fhir/R4x/Patient", "~/fhir/R4x/Patient"),
        ("%7E/a%20b/", "~/a%20b/"),
        ("~", "~"),
        ("~/fhir/R4/Nonsense", "~/fhir/R4/Nonsense"),
        ("~/fhir/R4/Binary/a_b", "~/fhir/R4/Binary/a_b"),
        ("~/fhir/R4/download/a%20b", "~/fhir/R4/download/a%20b"),
        (".well-known/smart-configuration", "~/fhir/R4/.well-known/smart-configuration"),
        ("oauth/token", "~/oauth/token"),
        ("%6Fauth/token", "~/oauth/token"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_path_beside_the_base_is_passed_through(path: str, target: str, method: str) -> None:
    request = await read_fhir(f"/hg/{path}", {}, method=method, query="_format=x&&a")
    assert (request.interaction.code, request.path) == ("other", target)
    assert (request.upstream_search.query, request.response_format) == ("_format=x&&a", "")


async def test_fhir_path_below_the_tilde_of_an_origin_is_fhir() -> None:
    upstream = MountedUpstream.model_validate(
        {"url": "https://api.example", "dialect": "health-gorilla", "path": "/hg"}
    )
    request = await MountedRequestReader(settings(), "gorilla", upstream).read_fhir(
        asgi_request("/hg/~/Patient/1", TOKEN)
    )
    assert (request.interaction.code, request.path) == ("read", "Patient/1")


async def test_request_has_a_deadline() -> None:
    before = monotonic()
    fhir = await reader(retry={"max_wait_seconds": 7}).read_fhir(asgi_request("/hg/Patient", TOKEN))
    passed = await reader(retry={"max_wait_seconds": 7}).read_passthrough(asgi_request("/hg/x", TOKEN))
    assert all(before + 7 <= request.deadline <= monotonic() + 7 for request in (fhir, passed))


@pytest.mark.parametrize("size", [10, 11])
async def test_body_limit_of_the_mount_replaces_that_of_the_server(size: int) -> None:
    reads = reader(server={"max_body": 1}, max_request_body=10)
    fields = TOKEN | {"content-type": "application/pdf"}
    for path, read in (("~/x", reads.read_fhir), ("Binary", reads.read_fhir), ("x", reads.read_passthrough)):
        raw = asgi_request(f"/hg/{path}", fields, method="POST", pieces=(b"a" * size,))
        result = await _request_or_failure(read, raw)
        if isinstance(result, Failure):
            assert (size, result.kind.code) == (11, "body-too-large")
            assert "10 bytes" in result.text
            assert "upstreams.gorilla.max_request_body" in result.text
        else:
            assert len(result.body) == size == 10


@pytest.mark.parametrize(("version", "type_"), [("3.0", "ProcedureRequest"), ("4.0", "ServiceRequest")])
async def test_types_are_those_of_the_version(version: str, type_: str) -> None:
    own = await reader(fhir_version=version).read_fhir(asgi_request(f"/hg/{type_}/1", TOKEN))
    assert own.interaction.type == type_
    other = "4.0" if version == "3.0" else "3.0"
    with pytest.raises(Failure, match="type-unknown"):
        await reader(fhir_version=other).read_fhir(asgi_request(f"/hg/{type_}/1", TOKEN))


async def test_binary_for_any_type_differs_from_one_as_json() -> None:
    formats = [
        (await read_fhir("/hg/Binary/1", TOKEN | {"accept": accept})).response_format
        for accept in ("*/*", "application/fhir+json")
    ]
    assert formats == ["*/*,application/fhir+json", "application/fhir+json"]


_PIECES = st.sampled_from(
    [
        *("~", "%7E", "oauth/token", "Patient", "Binary", "RequestResult", "$op", "1", "_search", "_history"),
        *("fhir/R4", "..", "%2e", "%2F", "%5C", "\\", "%00", "%zz", "%25", "?", "#", ";", "é", "%C3%A9", ""),
    ]
)
_PATHS = st.one_of(st.lists(_PIECES, max_size=6).map("/".join), st.text(max_size=30))
_METHODS = st.one_of(st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]), st.text(max_size=8))
_NAMES = st.sampled_from(
    [
        "accept",
        "authorization",
        "content-type",
        "hg-idempotency-key",
        "if-none-exist",
        "prefer",
        "content-length",
    ]
)
_VALUES = st.one_of(
    st.sampled_from(["Bearer t", "*/*", "application/fhir+json; fhirVersion=3.0", "wait=9", "a, b", "10"]),
    st.text(st.characters(max_codepoint=255), max_size=20),
)


@given(
    _PATHS, _METHODS, st.binary(max_size=40), st.lists(st.tuples(_NAMES, _VALUES), max_size=5), st.binary()
)
@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_any_request_is_read_or_rejected_with_4xx(
    version: str, path: str, method: str, query: bytes, fields: list[tuple[str, str]], body: bytes
) -> None:
    reads = reader(fhir_version=version)
    for read in (reads.read_fhir, reads.read_passthrough):
        raw = asgi_request("/", {}, method=method, pieces=(body,))
        raw.scope["raw_path"] = b"/hg/" + path.encode("utf-8", "replace")
        raw.scope["query_string"] = query
        raw.scope["headers"] += [(name.encode(), value.encode("latin-1")) for name, value in fields]
        result = asyncio.run(_request_or_failure(read, raw))
        if isinstance(result, Failure):
            assert 400 <= result.kind.status < 500, result.kind.code
            assert result.text
        else:
            assert result.path.isascii()
            assert result.interaction.code != "other" or result.upstream_search.query == query.decode()
            assert not {".", ".."} & {*unquote(result.path).split("/")}


async def _request_or_failure(read: ReadRequest, raw: Request) -> FhirRequest | Failure:
    try:
        return await read(raw)
    except Failure as failure:
        return failure


async def test_passthrough_request_is_unchanged() -> None:
    request = asgi_request("/hg/api/tickets", {}, method="POST", query="a=%20", pieces=(b"[", b"]"))
    result = await reader().read_passthrough(request)
    assert (result.interaction.code, result.upstream_url) == ("other", f"{FHIR}/api/tickets?a=%20")
    assert result.upstream_body == b"[]"


async def test_credentials_of_other_upstreams_are_dropped() -> None:
    headers = {**KEY, "deviceid": "d-1", **TOKEN}
    passed = await reader().read_passthrough(asgi_request("/hg/api/tickets", headers))
    for request in (await read_fhir("/hg/Patient/1", headers), passed):
        assert [header for header in request.headers if header[0] in CREDENTIALS] == [*TOKEN.items()]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_base_with_a_query_is_a_page_of_a_search(method: str) -> None:
    """HAPI links to further pages in this form."""
    request = await read_fhir("/hg", query="_getpages=t0ken&_getpagesoffset=10", method=method)
    assert (request.interaction.is_search, request.interaction.type) == (True, "")
    assert request.upstream_url == f"{FHIR}?_getpages=t0ken&_getpagesoffset=10"


@pytest.mark.parametrize(("method", "query"), [("GET", ""), ("DELETE", "_getpages=t"), ("PUT", "a=b")])
async def test_base_without_a_query_stays_refused(method: str, query: str) -> None:
    with pytest.raises(Failure) as caught:
        await read_fhir("/hg", query=query, method=method)
    assert caught.value.kind.status == 405
