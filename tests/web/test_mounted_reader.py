import asyncio
from typing import Any

import pytest
from support.asgi import scoped, settings

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.settings import MountedUpstream
from gateway.web.mounted_reader import MountedRequestReader

TOKEN = {"authorization": "Bearer t"}
FHIR = "https://api.example/fhir/R4"


def mounted(**sections: Any) -> MountedRequestReader:
    fields = {"url": FHIR, "dialect": "health-gorilla", "path": "/hg"}
    upstream = MountedUpstream.model_validate(fields)
    return MountedRequestReader(settings(**sections), "gorilla", upstream)


def fhir(path: str, headers: dict[str, str] | None = None, **parts: Any) -> FhirRequest:
    return asyncio.run(mounted().read_fhir(scoped(path, TOKEN if headers is None else headers, **parts)))


def test_a_path_below_the_mount_is_fhir() -> None:
    found = fhir("/hg/Patient/1")
    assert (found.interaction.code, found.upstream_url) == ("read", f"{FHIR}/Patient/1")
    assert found.public_base == "http://gw.example/hg"


def test_the_mount_itself_is_the_base() -> None:
    found = fhir("/hg", method="POST")
    assert (found.interaction.code, found.upstream_url) == ("transaction", FHIR)


def test_its_log_lines_and_switches_are_those_of_the_upstream() -> None:
    request = scoped("/hg/Patient", TOKEN)
    site = asyncio.run(mounted(repairs={"link-base-url": False}).read_fhir(request)).site
    assert site is not None
    assert (site.name, site.disabled_repairs) == ("gorilla", frozenset({"link-base-url"}))


@pytest.mark.parametrize("path", ["RequestResult/7f", "~/fhir/RequestResult/7f"])
def test_the_status_of_an_asynchronous_request_is_an_operation(path: str) -> None:
    assert fhir(f"/hg/{path}").interaction.operation == "RequestResult"
    assert fhir(f"/hg/{path}", method="DELETE").interaction.is_write


@pytest.mark.parametrize(
    ("path", "parts", "code"),
    [
        ("/hg/Patient", {"headers": {}}, "credentials-missing"),
        ("/hg/Nonsense", {}, "type-unknown"),
        ("/hg/~/x/Patient", {}, "unknown-path"),
        ("/hg/Patient", {"method": "DELETE"}, "method-not-allowed"),
        ("/hg/RequestResult/7f", {"method": "PUT"}, "type-unknown"),
        ("/hg/%zz", {}, "bad-path"),
    ],
)
def test_what_a_client_gets_wrong_is_named(path: str, parts: dict[str, Any], code: str) -> None:
    with pytest.raises(Failure) as failure:
        fhir(path, **parts)
    assert failure.value.kind.code == code


def test_what_is_not_fhir_goes_on_as_it_came() -> None:
    request = scoped("/hg/api/tickets", {}, method="POST", query="a=%20", pieces=(b"[", b"]"))
    found = asyncio.run(mounted().read_passthrough(request))
    assert (found.interaction.code, found.upstream_url) == ("other", f"{FHIR}/api/tickets?a=%20")
    assert found.upstream_body == b"[]"
