"""Checks of client requests."""

import pytest
from starlette.requests import Request
from support.asgi import FHIR, KEY, asgi_request

from gateway.errors.failure import Failure
from gateway.fhir.interaction import Interaction, interaction_for
from gateway.settings import Settings
from gateway.upstreams.halo_connect import HALO_CONNECT
from gateway.web import request_checks

pytestmark = pytest.mark.anyio

DESKTOP = {"authorization": "Bearer t", "deviceid": "d-1"}
LIMIT = 10


def parse_search(
    method: str, path: str, content_type: str, content: bytes, query: str = ""
) -> dict[str, str]:
    interaction, settings = interaction_for(method, path), Settings()
    assert interaction is not None
    request = asgi_request(f"{FHIR}/{path}", {"content-type": content_type}, method=method, query=query)
    search = request_checks.parse_request_search(request, interaction, content, settings)
    return {parameter.name: parameter.value for parameter in search.parameters}


async def read(request: Request) -> bytes:
    return await request_checks.read_body(request, LIMIT)


def test_limit_applies_to_path_and_query_together() -> None:
    assert (
        request_checks.parse_target(asgi_request("/integrator/sites", query="a=1"), 20).path
        == "integrator/sites"
    )
    with pytest.raises(Failure) as failure:
        request_checks.parse_target(asgi_request("/integrator/sites", query="a=12"), 20)
    assert failure.value.kind.status == 414


def test_query_in_the_raw_path_is_removed() -> None:
    """Some servers include the query in the raw path."""
    assert request_checks.parse_target(asgi_request("/integrator/sites?a=1"), 100).path == "integrator/sites"


def test_wrong_method_has_an_allow_header() -> None:
    with pytest.raises(Failure) as failure:
        request_checks.parse_interaction("DELETE", "metadata")
    assert failure.value.kind.status == 405
    assert failure.value.headers == (("allow", "GET, HEAD"),)


@pytest.mark.parametrize("path", ["Nonsense", "Patient/1/2/3", "$Nonsense"])
def test_unknown_fhir_path_is_404_for_any_method(path: str) -> None:
    for method in ("GET", "DELETE"):
        with pytest.raises(Failure) as failure:
            request_checks.parse_interaction(method, path)
        assert failure.value.kind.status == 404


@pytest.mark.parametrize(
    ("headers", "api"), [(KEY, "integrator"), (DESKTOP, "desktop"), (KEY | DESKTOP, "integrator")]
)
def test_credentials_select_the_api(headers: dict[str, str], api: str) -> None:
    assert request_checks.api_from_credentials(asgi_request(headers=headers), HALO_CONNECT) == api
    request_checks.require_credential(asgi_request(headers=headers), HALO_CONNECT.scheme_of(api))


@pytest.mark.parametrize(
    "headers", [{}, {"ocp-apim-subscription-key": " "}, {"authorization": "Bearer t"}, {"deviceid": "d-1"}]
)
def test_incomplete_credentials_are_401(headers: dict[str, str]) -> None:
    with pytest.raises(Failure) as failure:
        request_checks.api_from_credentials(asgi_request(headers=headers), HALO_CONNECT)
    assert failure.value.kind.status == 401
    for api in ("integrator", "desktop"):
        with pytest.raises(Failure):
            request_checks.require_credential(asgi_request(headers=headers), HALO_CONNECT.scheme_of(api))


@pytest.mark.parametrize(
    ("api", "name"),
    [("integrator", "ocp-apim-subscription-key"), ("desktop", "authorization"), ("desktop", "deviceid")],
)
@pytest.mark.parametrize("second", ["other", "same", ""])
def test_two_fields_of_one_credential_are_400(api: str, name: str, second: str) -> None:
    scope = asgi_request(headers={**KEY, **DESKTOP, name: "same"}).scope
    scope["headers"] = [*scope["headers"], (name.encode(), second.encode())]
    with pytest.raises(Failure) as failure:
        request_checks.require_credential(Request(scope), HALO_CONNECT.scheme_of(api))
    assert (failure.value.kind.code, failure.value.kind.status) == ("credentials-ambiguous", 400)


def test_blank_key_before_another_key_is_not_a_desktop_request() -> None:
    """At the default site, the credentials select the API."""
    name = "ocp-apim-subscription-key"
    scope = asgi_request("/fhir/R4/Patient", headers={**DESKTOP, name: " "}).scope
    scope["headers"] = [*scope["headers"], (name.encode(), b"k2")]
    with pytest.raises(Failure) as failure:
        request_checks.api_from_credentials(Request(scope), HALO_CONNECT)
    assert (failure.value.kind.code, failure.value.kind.status) == ("credentials-ambiguous", 400)


@pytest.mark.parametrize("pieces", [(b"",), (b"0123456789",), (b"01234", b"56789"), (b"0", b"", b"1")])
async def test_body_up_to_the_limit_is_read(pieces: tuple[bytes, ...]) -> None:
    assert await read(asgi_request(pieces=pieces)) == b"".join(pieces)


async def test_large_body_is_read_in_order() -> None:
    pieces = tuple(bytes([number]) * (number * 6_101 % 70_000) for number in range(120))
    assert sum(map(len, pieces)) > 2 * 2**20
    body = await request_checks.read_body(asgi_request(pieces=pieces), 10_000_000)
    assert body == b"".join(pieces)


async def test_body_over_the_limit_is_rejected_early() -> None:
    with pytest.raises(Failure) as failure:
        await read(asgi_request(pieces=(b"012345", b"678901", b"unfinished")))
    assert failure.value.kind.status == 413


async def test_disconnect_during_the_body_is_a_bad_request() -> None:
    with pytest.raises(Failure) as failure:
        await read(asgi_request(pieces=(b"unfinished",)))
    assert failure.value.kind.status == 400


def test_url_and_form_of_a_search_are_joined() -> None:
    content_type = "application/x-www-form-urlencoded"
    search = parse_search("POST", "Patient/_search", content_type, b"name=A%20B", "_count=5")
    assert search == {"_count": "5", "name": "A B"}


def test_charset_of_the_media_type_is_ignored() -> None:
    content_type = "Application/X-WWW-Form-Urlencoded; charset=UTF-8"
    assert parse_search("POST", "Patient/_search", content_type, b"name=A") == {"name": "A"}


@pytest.mark.parametrize(
    ("method", "path", "content_type", "content", "status"),
    [
        ("POST", "Patient/_search", "application/fhir+json", b"{}", 415),
        ("POST", "Patient", "application/x-www-form-urlencoded", b"a=b", 415),
        ("POST", "Patient", "", b"{}", 415),
        ("POST", "Patient", "application/fhir+xml", b"<Patient/>", 415),
        ("POST", "Patient", "application/fhir+json", b"{", 400),
        ("POST", "Patient", "application/fhir+json", b"[]", 400),
        ("POST", "Patient", "application/fhir+json", b'"\xff"', 400),
        ("PUT", "Patient/1", "application/fhir+json", b"nonsense", 400),
        ("POST", "Patient/_search", "application/x-www-form-urlencoded", b"name=\xff", 400),
    ],
)
def test_invalid_body_is_rejected(
    method: str, path: str, content_type: str, content: bytes, status: int
) -> None:
    with pytest.raises(Failure) as failure:
        parse_search(method, path, content_type, content)
    assert failure.value.kind.status == status


def test_query_outside_ascii_is_a_bad_request() -> None:
    with pytest.raises(Failure) as failure:
        parse_search("GET", "Patient", "", b"", "name=Å")
    assert failure.value.kind.status == 400


def test_json_patch_is_not_checked() -> None:
    assert parse_search("PATCH", "Patient/1", "application/json-patch+json", b'[{"op":"test"}]') == {}


def test_empty_body_needs_no_media_type() -> None:
    assert parse_search("POST", "Patient/_search", "", b"") == {}


@pytest.mark.parametrize(
    ("path", "content", "query", "code"),
    [
        ("Patient", b'{"a":[' + b"1," * 50_000 + b"1]}", "", "body-too-complex"),
        ("Patient", b'{"a":' * 65 + b"1" + b"}" * 65, "", "body-too-complex"),
        ("Patient", b"{}", "a&" * 200, "search-limit"),
        ("Patient/$match", b"{}", "a&" * 200, "search-limit"),
        ("Patient", b'{"reference":"http://gw.example/', "", "bad-body"),
    ],
)
def test_costly_request_is_rejected(path: str, content: bytes, query: str, code: str) -> None:
    with pytest.raises(Failure, match=code):
        parse_search("POST", path, "application/json", content, query)


def test_body_at_its_limits_is_accepted() -> None:
    parse_search("POST", "Patient", "application/json", b'{"a":[' + b"1," * 49_998 + b"1]}")
    parse_search("POST", "Patient", "application/json", b'{"a":' * 64 + b"1" + b"}" * 64)


def test_criteria_of_conditional_create_are_limited() -> None:
    headers = {"content-type": "application/json", "if-none-exist": "a&" * 200}
    request, interaction = asgi_request(f"{FHIR}/Patient", headers, method="POST"), Interaction("create")
    with pytest.raises(Failure, match="search-limit") as failure:
        request_checks.parse_request_search(request, interaction, b"{}", Settings())
    assert "If-None-Exist" in failure.value.text
