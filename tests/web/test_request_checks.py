import asyncio

import pytest
from starlette.requests import Request
from support.asgi import FHIR, KEY, scoped

from gateway.errors.failure import Failure
from gateway.fhir.interaction import interaction_for
from gateway.upstreams.halo_connect import HALO_CONNECT
from gateway.web import request_checks

DESKTOP = {"authorization": "Bearer t", "deviceid": "d-1"}
LIMIT = 10


def searched(method: str, path: str, kind: str, content: bytes, query: str = "") -> dict[str, str]:
    act = interaction_for(method, path)
    assert act is not None
    request = scoped(f"{FHIR}/{path}", {"content-type": kind}, method=method, query=query)
    return {
        each.name: each.value
        for each in request_checks.parse_request_search(request, act, content).parameters
    }


def read(request: Request) -> bytes:
    return asyncio.run(request_checks.read_body(request, LIMIT))


def test_path_and_query_together_stay_under_the_limit() -> None:
    assert (
        request_checks.parse_target(scoped("/integrator/sites", query="a=1"), 20).path == "integrator/sites"
    )
    with pytest.raises(Failure) as refused:
        request_checks.parse_target(scoped("/integrator/sites", query="a=12"), 20)
    assert refused.value.kind.status == 414


def test_a_raw_path_with_a_query_in_it_is_cut_there() -> None:
    """Some servers hand the query over with the raw path."""
    assert request_checks.parse_target(scoped("/integrator/sites?a=1"), 100).path == "integrator/sites"


def test_a_wrong_method_names_the_right_ones() -> None:
    with pytest.raises(Failure) as refused:
        request_checks.parse_interaction("DELETE", "metadata")
    assert refused.value.kind.status == 405
    assert refused.value.headers == (("allow", "GET, HEAD"),)


@pytest.mark.parametrize("path", ["Nonsense", "Patient/1/2/3", "$Nonsense"])
def test_a_path_that_fhir_does_not_know_is_404_whatever_the_method(path: str) -> None:
    for method in ("GET", "DELETE"):
        with pytest.raises(Failure) as refused:
            request_checks.parse_interaction(method, path)
        assert refused.value.kind.status == 404


@pytest.mark.parametrize(
    ("headers", "api"), [(KEY, "integrator"), (DESKTOP, "desktop"), (KEY | DESKTOP, "integrator")]
)
def test_credentials_name_the_api(headers: dict[str, str], api: str) -> None:
    assert request_checks.api_from_credentials(scoped(headers=headers), HALO_CONNECT) == api
    request_checks.require_credential(scoped(headers=headers), HALO_CONNECT.scheme_of(api))


@pytest.mark.parametrize(
    "headers", [{}, {"ocp-apim-subscription-key": " "}, {"authorization": "Bearer t"}, {"deviceid": "d-1"}]
)
def test_missing_empty_or_partial_credentials_are_401(headers: dict[str, str]) -> None:
    with pytest.raises(Failure) as raised:
        request_checks.api_from_credentials(scoped(headers=headers), HALO_CONNECT)
    assert raised.value.kind.status == 401
    for api in ("integrator", "desktop"):
        with pytest.raises(Failure):
            request_checks.require_credential(scoped(headers=headers), HALO_CONNECT.scheme_of(api))


@pytest.mark.parametrize(
    ("api", "name"),
    [("integrator", "ocp-apim-subscription-key"), ("desktop", "authorization"), ("desktop", "deviceid")],
)
@pytest.mark.parametrize("second", ["other", "same", ""])
def test_two_fields_of_one_credential_are_400(api: str, name: str, second: str) -> None:
    scope = scoped(headers={**KEY, **DESKTOP, name: "same"}).scope
    scope["headers"] = [*scope["headers"], (name.encode(), second.encode())]
    with pytest.raises(Failure) as raised:
        request_checks.require_credential(Request(scope), HALO_CONNECT.scheme_of(api))
    assert (raised.value.kind.code, raised.value.kind.status) == ("credentials-ambiguous", 400)


@pytest.mark.parametrize("pieces", [(b"",), (b"0123456789",), (b"01234", b"56789"), (b"0", b"", b"1")])
def test_a_body_up_to_the_limit_is_read_whole(pieces: tuple[bytes, ...]) -> None:
    assert read(scoped(pieces=pieces)) == b"".join(pieces)


def test_a_body_over_the_limit_is_refused_before_all_of_it_has_come() -> None:
    with pytest.raises(Failure) as refused:
        read(scoped(pieces=(b"012345", b"678901", b"unfinished")))
    assert refused.value.kind.status == 413


def test_a_client_that_leaves_in_the_middle_of_a_body_is_no_crash() -> None:
    with pytest.raises(Failure) as refused:
        read(scoped(pieces=(b"unfinished",)))
    assert refused.value.kind.status == 400


def test_url_and_form_of_a_posted_search_count_together() -> None:
    found = searched(
        "POST", "Patient/_search", "application/x-www-form-urlencoded", b"name=A%20B", "_count=5"
    )
    assert found == {"_count": "5", "name": "A B"}


def test_a_charset_beside_the_media_type_is_no_obstacle() -> None:
    kind = "Application/X-WWW-Form-Urlencoded; charset=UTF-8"
    assert searched("POST", "Patient/_search", kind, b"name=A") == {"name": "A"}


@pytest.mark.parametrize(
    ("method", "path", "kind", "content", "status"),
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
def test_other_bodies_are_refused(method: str, path: str, kind: str, content: bytes, status: int) -> None:
    with pytest.raises(Failure) as refused:
        searched(method, path, kind, content)
    assert refused.value.kind.status == status


def test_a_query_that_is_not_ascii_is_a_bad_request() -> None:
    with pytest.raises(Failure) as refused:
        searched("GET", "Patient", "", b"", "name=Å")
    assert refused.value.kind.status == 400


def test_a_json_patch_is_a_list_and_the_upstreams_to_judge() -> None:
    assert searched("PATCH", "Patient/1", "application/json-patch+json", b'[{"op":"test"}]') == {}


def test_no_body_needs_no_media_type() -> None:
    assert searched("POST", "Patient/_search", "", b"") == {}
