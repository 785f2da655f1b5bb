"""Requests to a mounted upstream."""

from typing import Any

import pytest
from support.asgi import KEY, asgi_request, settings

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.http.headers import CREDENTIALS
from gateway.settings import MountedUpstream
from gateway.web.mounted_reader import MountedRequestReader

pytestmark = pytest.mark.anyio

TOKEN = {"authorization": "Bearer t"}
FHIR = "https://api.example/fhir/R4"


def reader(**sections: Any) -> MountedRequestReader:
    fields = {"url": FHIR, "dialect": "health-gorilla", "path": "/hg"}
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
        ("/hg/~/x/Patient", {}, "unknown-path"),
        ("/hg/~/a/b/RequestResult/7f", {}, "unknown-path"),
        ("/hg/~/RequestResult/7f", {}, "unknown-path"),
        ("/hg/Patient", {"method": "DELETE"}, "method-not-allowed"),
        ("/hg/RequestResult/7f", {"method": "PUT"}, "type-unknown"),
        ("/hg/%zz", {}, "bad-path"),
    ],
)
async def test_invalid_request_is_rejected_with_its_code(path: str, parts: dict[str, Any], code: str) -> None:
    with pytest.raises(Failure) as failure:
        await read_fhir(path, **parts)
    assert failure.value.kind.code == code


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
