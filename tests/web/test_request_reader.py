import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.requests import Request
from support.asgi import FHIR, GUID, KEY, scoped, settings

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.http.headers import CREDENTIALS
from gateway.settings import Settings
from gateway.settings.resolve import ConfiguredSites
from gateway.web.request_reader import RequestReader, request_id_of

DESKTOP = {"authorization": "Bearer t", "deviceid": "d-1"}
UPSTREAM = "https://api.haloconnect.io"


def reading(chosen: Settings | None = None) -> RequestReader:
    chosen = chosen or settings()
    return RequestReader(chosen, ConfiguredSites(chosen))


def fhir(path: str, headers: dict[str, str] | None = None, **parts: Any) -> FhirRequest:
    incoming = reading(parts.pop("settings", None))
    return asyncio.run(incoming.read_fhir(scoped(path, KEY if headers is None else headers, **parts)))


def other(path: str, headers: dict[str, str] | None = None, **parts: Any) -> FhirRequest:
    return asyncio.run(reading().read_passthrough(scoped(path, KEY if headers is None else headers, **parts)))


def refused(path: str, headers: dict[str, str] | None = None, **parts: Any) -> Failure:
    with pytest.raises(Failure) as failure:
        fhir(path, headers, **parts)
    return failure.value


def test_a_read_is_taken_apart() -> None:
    found = fhir(f"{FHIR}/Patient/1")
    assert (found.method, found.interaction.code, found.path) == ("GET", "read", "Patient/1")
    assert found.public_base == f"http://gw.example{FHIR}"
    assert found.upstream_url == f"{UPSTREAM}{FHIR}/Patient/1"
    assert found.site is not None
    assert (found.site.guid, found.site.name, found.site.zone.key) == (GUID, "harbour", "Australia/Sydney")
    assert datetime.now(UTC) >= found.received_at


def test_a_guid_in_capitals_is_the_same_site_upstream() -> None:
    found = fhir(f"{FHIR}/Patient/1".replace(GUID, GUID.upper()))
    assert found.upstream_base == f"{UPSTREAM}{FHIR}"
    assert found.site is not None
    assert found.site.guid == GUID


def test_the_desktop_api_keeps_its_own_paths() -> None:
    found = fhir(f"/desktop/sites/{GUID}/fhir/R4/Patient", DESKTOP)
    assert found.upstream_base == f"{UPSTREAM}/desktop/sites/{GUID}/fhir/R4"
    assert found.public_base == f"http://gw.example/desktop/sites/{GUID}/fhir/R4"


@pytest.mark.parametrize(("headers", "surface"), [(KEY, "integrator"), (DESKTOP, "desktop")])
def test_the_mounted_site_is_asked_by_the_surface_of_the_credentials(
    headers: dict[str, str], surface: str
) -> None:
    found = fhir("/fhir/R4/Patient", headers, settings=settings({"default_site": GUID}))
    assert found.upstream_base == f"{UPSTREAM}/{surface}/sites/{GUID}/fhir/R4"
    assert found.public_base == "http://gw.example/fhir/R4"


def test_without_a_mounted_site_the_short_path_says_what_to_do() -> None:
    failure = refused("/fhir/R4/Patient")
    assert failure.kind.status == 404
    assert "server.default_site" in failure.text


def test_a_site_whose_zone_nobody_set_is_not_served() -> None:
    unknown = FHIR.replace(GUID, "0a1b2c3d-0000-4000-8000-00000000000b")
    failure = refused(f"{unknown}/Patient")
    assert (failure.kind.status, failure.retry_after) == (503, 300)
    assert "time_zone" in failure.text


def test_format_is_for_us_and_never_goes_upstream() -> None:
    found = fhir(f"{FHIR}/Patient", query="_format=application/json&name=A")
    assert found.response_format == "application/json"
    assert found.client_search.query == "_format=application/json&name=A"
    assert found.upstream_url == f"{UPSTREAM}{FHIR}/Patient?name=A"


def test_a_posted_search_keeps_its_form() -> None:
    headers = KEY | {"content-type": "application/x-www-form-urlencoded"}
    found = fhir(f"{FHIR}/Patient/_search", headers, method="POST", pieces=(b"name=", b"A"))
    assert (found.client_search.form, found.client_search.query, found.body) == ("name=A", "", b"name=A")
    assert found.upstream_body == b"name=A"


def test_the_limits_are_those_of_the_settings() -> None:
    assert refused(f"{FHIR}/Patient", settings=settings({"max_uri": 20})).kind.status == 414
    small = settings({"max_body": 5})
    failure = refused(f"{FHIR}/Patient", method="POST", pieces=(b"123456",), settings=small)
    assert failure.kind.status == 413


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
def test_what_a_client_gets_wrong_is_named(
    path: str, headers: dict[str, str] | None, parts: dict[str, Any], status: int
) -> None:
    assert refused(path, headers, **parts).kind.status == status


def test_halos_other_endpoints_pass_as_they_came() -> None:
    pieces = (b'{"command":', b'{"text":"SELECT 1"}}')
    path = f"/integrator/sites/{GUID}/queries/immediate"
    found = other(path, method="POST", query="a=1&b=%20", pieces=pieces)
    assert found.upstream_url == f"{UPSTREAM}{path}?a=1&b=%20"
    assert found.upstream_body == b"".join(pieces)
    assert (found.site, found.interaction.code, found.public_base) == (None, "other", "http://gw.example")


def test_halos_other_endpoints_want_the_credentials_of_their_surface() -> None:
    for path, headers in (("/integrator/sites", DESKTOP), (f"/desktop/sites/{GUID}/queries/x", KEY)):
        with pytest.raises(Failure) as failure:
            other(path, headers)
        assert failure.value.kind.status == 401


def test_header_names_come_in_lower_case_and_repeats_are_kept() -> None:
    request = scoped(f"{FHIR}/Patient", KEY)
    twice = [*request.scope["headers"], (b"prefer", b"a"), (b"prefer", b"b")]
    found = asyncio.run(reading().read_fhir(Request({**request.scope, "headers": twice}, request.receive)))
    assert [value for name, value in found.headers if name == "prefer"] == ["a", "b"]


@pytest.mark.parametrize("given", ["trace-7", "A.b_c-9", "x" * 128])
def test_a_request_id_that_can_stand_in_a_log_is_kept(given: str) -> None:
    assert request_id_of(scoped(headers={"x-request-id": given})) == given


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, 'a"b', "name@example", "é"])
def test_any_other_is_replaced_by_a_new_one(given: str) -> None:
    first, second = (request_id_of(scoped(headers={"x-request-id": given})) for _ in range(2))
    assert first != second
    assert given not in {first, second}


@pytest.mark.parametrize(("api", "own"), [("integrator", KEY), ("desktop", DESKTOP)])
def test_only_the_credential_of_the_api_is_read(api: str, own: dict[str, str]) -> None:
    found = fhir(f"/{api}/sites/{GUID}/fhir/R4/Patient/1", {**KEY, **DESKTOP})
    assert {name for name, _ in found.headers} & CREDENTIALS == {name.lower() for name in own}
