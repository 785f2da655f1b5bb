"""Conversion of ASGI requests to FHIR requests."""

from datetime import UTC, datetime
from time import monotonic
from typing import Any

import pytest
from starlette.requests import Request
from support.asgi import FHIR, GUID, KEY, asgi_request, settings

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.http.headers import CREDENTIALS
from gateway.settings import MountedUpstream, Settings
from gateway.settings.resolve import ConfiguredSites
from gateway.web.request_reader import RequestReader, request_id_of

pytestmark = pytest.mark.anyio

DESKTOP = {"authorization": "Bearer t", "deviceid": "d-1"}
UPSTREAM = "https://api.haloconnect.io"


def reader(configured: Settings | None = None) -> RequestReader:
    configured = configured or settings()
    return RequestReader(configured, ConfiguredSites(configured))


async def read_fhir(path: str, headers: dict[str, str] | None = None, **parts: Any) -> FhirRequest:
    reads = reader(parts.pop("settings", None))
    return await reads.read_fhir(asgi_request(path, KEY if headers is None else headers, **parts))


async def read_passthrough(path: str, headers: dict[str, str] | None = None, **parts: Any) -> FhirRequest:
    raw = asgi_request(path, KEY if headers is None else headers, **parts)
    return await reader().read_passthrough(raw)


async def require_failure(path: str, headers: dict[str, str] | None = None, **parts: Any) -> Failure:
    with pytest.raises(Failure) as failure:
        await read_fhir(path, headers, **parts)
    return failure.value


async def test_read_request_is_parsed() -> None:
    request = await read_fhir(f"{FHIR}/Patient/1")
    assert (request.method, request.interaction.code, request.path) == ("GET", "read", "Patient/1")
    assert request.public_base == f"http://gw.example{FHIR}"
    assert request.upstream_url == f"{UPSTREAM}{FHIR}/Patient/1"
    assert request.site is not None
    assert (request.site.guid, request.site.name, request.site.zone.key) == (
        GUID,
        "harbour",
        "Australia/Sydney",
    )
    assert datetime.now(UTC) >= request.received_at


async def test_guid_in_capitals_is_the_same_site() -> None:
    request = await read_fhir(f"{FHIR}/Patient/1".replace(GUID, GUID.upper()))
    assert request.upstream_base == f"{UPSTREAM}{FHIR}"
    assert request.site is not None
    assert request.site.guid == GUID


async def test_desktop_api_has_its_own_paths() -> None:
    request = await read_fhir(f"/desktop/sites/{GUID}/fhir/R4/Patient", DESKTOP)
    assert request.upstream_base == f"{UPSTREAM}/desktop/sites/{GUID}/fhir/R4"
    assert request.public_base == f"http://gw.example/desktop/sites/{GUID}/fhir/R4"


@pytest.mark.parametrize(("headers", "api"), [(KEY, "integrator"), (DESKTOP, "desktop")])
async def test_credentials_select_the_api_of_the_default_site(headers: dict[str, str], api: str) -> None:
    request = await read_fhir("/fhir/R4/Patient", headers, settings=settings({"default_site": GUID}))
    assert request.upstream_base == f"{UPSTREAM}/{api}/sites/{GUID}/fhir/R4"
    assert request.public_base == "http://gw.example/fhir/R4"


async def test_short_path_without_default_site_is_404() -> None:
    failure = await require_failure("/fhir/R4/Patient")
    assert failure.kind.status == 404
    assert "server.default_site" in failure.text


async def test_site_without_time_zone_is_503() -> None:
    unknown = FHIR.replace(GUID, "0a1b2c3d-0000-4000-8000-00000000000b")
    failure = await require_failure(f"{unknown}/Patient")
    assert (failure.kind.status, failure.retry_after) == (503, 300)
    assert "time_zone" in failure.text


async def test_format_parameter_is_not_sent_upstream() -> None:
    request = await read_fhir(f"{FHIR}/Patient", query="_format=application/json&name=A")
    assert request.response_format == "application/json"
    assert request.client_search.query == "_format=application/json&name=A"
    assert request.upstream_url == f"{UPSTREAM}{FHIR}/Patient?name=A"


@pytest.mark.parametrize(
    ("accept", "is_kept"),
    [
        ("application/fhir+json", True),
        ("text/json", True),
        ("*/*", True),
        ("text/plain", False),
        ("image/png, application/fhir+json;q=0.1", False),
        ("application/vnd.api+json", False),
    ],
)
async def test_native_content_of_a_binary_is_read_without_conditions(accept: str, is_kept: bool) -> None:
    conditions = {"if-none-match": 'W/"gw-1"', "if-modified-since": "Wed, 01 Jul 2026 02:00:00 GMT"}
    request = await read_fhir(f"{FHIR}/Binary/1", KEY | conditions | {"accept": accept})
    kept = {name: request.header(name) for name in conditions if request.header(name)}
    assert kept == (conditions if is_kept else {})


async def test_form_of_posted_search_is_preserved() -> None:
    headers = KEY | {"content-type": "application/x-www-form-urlencoded"}
    request = await read_fhir(f"{FHIR}/Patient/_search", headers, method="POST", pieces=(b"name=", b"A"))
    assert (request.client_search.form, request.client_search.query, request.body) == (
        "name=A",
        "",
        b"name=A",
    )
    assert request.upstream_body == b"name=A"


async def test_body_of_a_get_is_not_sent() -> None:
    headers = KEY | {"content-type": "application/fhir+json", "content-length": "2"}
    request = await read_fhir(f"{FHIR}/Patient", headers, query="name=A", pieces=(b"{}",))
    assert (request.method, request.body, request.upstream_body) == ("GET", b"", b"")


async def test_limits_of_the_settings_apply() -> None:
    assert (await require_failure(f"{FHIR}/Patient", settings=settings({"max_uri": 20}))).kind.status == 414
    small = settings({"max_body": 5})
    failure = await require_failure(f"{FHIR}/Patient", method="POST", pieces=(b"123456",), settings=small)
    assert failure.kind.status == 413


@pytest.mark.parametrize(("own", "size"), [({}, 5), ({"max_request_body": 7}, 7)])
async def test_body_limit_of_a_mounted_halo_connect_may_differ(own: dict[str, int], size: int) -> None:
    fields = {"url": UPSTREAM, "dialect": "halo-connect", "path": "/two"} | own
    configured = settings({"max_body": 5})
    reads = RequestReader(configured, ConfiguredSites(configured), MountedUpstream.model_validate(fields))

    def raw(octets: int) -> Request:
        return asgi_request("/two/integrator/token", KEY, method="POST", pieces=(b"a" * octets,))

    assert (await reads.read_passthrough(raw(size))).body == b"a" * size
    with pytest.raises(Failure, match="body-too-large"):
        await reads.read_passthrough(raw(size + 1))


@pytest.mark.parametrize(
    ("path", "headers", "parts", "status"),
    [
        (f"{FHIR}/Patient", {}, {}, 401),
        (f"{FHIR}/Patient/%zz", None, {}, 400),
        (f"{FHIR}/Nonsense", None, {}, 404),
        (f"{FHIR}/Patient", None, {"method": "DELETE"}, 405),
        (f"{FHIR}/Patient", KEY | {"accept": "text/html"}, {}, 406),
        (f"{FHIR}/Patient", KEY | {"host": "evil.example/x"}, {}, 400),
        (f"/desktop/sites/{GUID}/fhir/R4/Patient", KEY, {}, 401),
    ],
)
async def test_invalid_request_is_rejected_with_its_status(
    path: str, headers: dict[str, str] | None, parts: dict[str, Any], status: int
) -> None:
    assert (await require_failure(path, headers, **parts)).kind.status == status


async def test_passthrough_request_is_unchanged() -> None:
    pieces = (b'{"command":', b'{"text":"SELECT 1"}}')
    path = f"/integrator/sites/{GUID}/queries/immediate"
    request = await read_passthrough(path, method="POST", query="a=1&b=%20", pieces=pieces)
    assert request.upstream_url == f"{UPSTREAM}{path}?a=1&b=%20"
    assert request.upstream_body == b"".join(pieces)
    assert (request.site, request.interaction.code, request.public_base) == (
        None,
        "other",
        "http://gw.example",
    )


async def test_passthrough_request_needs_credentials_of_its_api() -> None:
    for path, headers in (("/integrator/sites", DESKTOP), (f"/desktop/sites/{GUID}/queries/x", KEY)):
        with pytest.raises(Failure) as failure:
            await read_passthrough(path, headers)
        assert failure.value.kind.status == 401


async def test_repeated_headers_are_preserved() -> None:
    request = asgi_request(f"{FHIR}/Patient", KEY)
    headers = [*request.scope["headers"], (b"prefer", b"a"), (b"prefer", b"b")]
    result = await reader().read_fhir(Request({**request.scope, "headers": headers}, request.receive))
    assert [value for name, value in result.headers if name == "prefer"] == ["a", "b"]


@pytest.mark.parametrize("value", ["trace-7", "A.b_c-9", "x" * 128])
def test_valid_request_id_is_used(value: str) -> None:
    assert request_id_of(asgi_request(headers={"x-request-id": value})) == value


@pytest.mark.parametrize("value", ["", "two words", "x" * 129, 'a"b', "name@example", "é"])
def test_invalid_request_id_is_replaced(value: str) -> None:
    first, second = (request_id_of(asgi_request(headers={"x-request-id": value})) for _ in range(2))
    assert first != second
    assert value not in {first, second}


@pytest.mark.parametrize(("api", "own"), [("integrator", KEY), ("desktop", DESKTOP)])
async def test_only_the_credential_of_the_api_is_used(api: str, own: dict[str, str]) -> None:
    request = await read_fhir(f"/{api}/sites/{GUID}/fhir/R4/Patient/1", {**KEY, **DESKTOP})
    assert {name for name, _ in request.headers} & CREDENTIALS == {name.lower() for name in own}


@pytest.mark.parametrize(
    ("prefer", "seconds"), [("", 20), ("wait=2", 2), ("respond-async, wait=2", 2), ("wait=90", 20)]
)
async def test_deadline_is_the_maximum_wait_from_now(prefer: str, seconds: float) -> None:
    configured = settings(retry={"max_wait_seconds": 20})
    start = monotonic()
    request = await read_fhir(f"{FHIR}/Patient/1", KEY | {"prefer": prefer}, settings=configured)
    assert start + seconds <= request.deadline <= monotonic() + seconds


@pytest.mark.parametrize("name", ["user-agent", "prefer", "if-match", "ocp-apim-subscription-key"])
async def test_field_with_a_byte_outside_ascii_is_rejected_by_name(name: str) -> None:
    failure = await require_failure(f"{FHIR}/Patient/1", KEY | {name: "M\xfcller"})
    assert (failure.kind.status, failure.expression) == (400, f"http.{name}")
    assert name in failure.text
    assert "ller" not in failure.text


async def test_field_that_is_not_sent_may_contain_any_byte() -> None:
    await read_fhir(f"{FHIR}/Patient/1", KEY | {"cookie": "M\xfcller", "authorization": "\xfc"})


@pytest.mark.parametrize("method", ["TRACE", "PURGE", "OPTIONS", "CONNECT", "BREW"])
async def test_uncommon_method_is_not_passed_through(method: str) -> None:
    with pytest.raises(Failure, match="method-not-allowed") as failure:
        await read_passthrough("/integrator/sites", method=method)
    assert dict(failure.value.headers)["allow"] == "DELETE, GET, HEAD, PATCH, POST, PUT"


async def read_sql(path: str, sections: dict[str, Any] | None = None, **parts: Any) -> FhirRequest:
    raw = asgi_request(f"/integrator/sites/{path}", KEY, **({"method": "POST", "pieces": (b"{}",)} | parts))
    raw.scope["path_params"] = {"siteId": path.partition("/")[0]}
    return await reader(Settings.model_validate(sections or {})).read_sql(raw)


async def test_sql_request_is_unchanged_and_names_its_site() -> None:
    request = await read_sql(f"{GUID.upper()}/queries/immediate", query="a=1&b=%20")
    assert request.upstream_url == f"{UPSTREAM}/integrator/sites/{GUID.upper()}/queries/immediate?a=1&b=%20"
    assert (request.upstream_body, request.interaction.name) == (b"{}", "sql-immediate")
    assert request.site is not None
    assert (request.site.guid, request.site.name) == (GUID, GUID[:8])
    assert request.deadline < float("inf")


async def test_sql_request_without_a_guid_is_rejected() -> None:
    with pytest.raises(Failure) as failure:
        await read_sql("Zzyzx/queries/immediate")
    assert failure.value.kind.code == "bad-guid"


@pytest.mark.parametrize(("path", "accepts"), [("immediate", True), ("registered", True), ("status", False)])
async def test_only_a_submission_may_be_large(path: str, accepts: bool) -> None:
    limits = {"server": {"max_body": 5}, "sql": {"max_body": 9}}
    parts = {"sections": limits, "pieces": (b"12345678",)}
    if accepts:
        assert (await read_sql(f"{GUID}/queries/{path}", **parts)).body == b"12345678"
    else:
        with pytest.raises(Failure) as failure:
            await read_sql(f"{GUID}/queries/{path}", **parts)
        assert failure.value.kind.status == 413
