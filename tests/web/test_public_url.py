"""Public URL of the gateway."""

import pytest
from support.asgi import FHIR, asgi_request, server

from gateway.errors.failure import Failure
from gateway.web.public_url import public_base, public_origin

FORWARDED = {
    "x-forwarded-host": "fhir.example.com.au",
    "x-forwarded-proto": "https",
    "x-forwarded-prefix": "/halo/",
}
WITH_PROXIES = server(trusted_proxies=["10.0.0.0/8", "2001:db8::/32"])


def test_origin_is_the_host_header_by_default() -> None:
    assert (
        public_origin(asgi_request(headers={"host": "gw.example:8443"}), server()) == "http://gw.example:8443"
    )


def test_public_url_setting_overrides_the_request() -> None:
    request = asgi_request(headers=FORWARDED | {"host": "evil.example/path"}, peer="10.1.2.3")
    settings = server(public_url="https://fhir.example.com.au/halo/", trusted_proxies=["10.0.0.0/8"])
    assert public_origin(request, settings) == "https://fhir.example.com.au/halo"


@pytest.mark.parametrize("peer", ["10.1.2.3", "2001:db8::7"])
def test_trusted_proxy_sets_host_scheme_and_prefix(peer: str) -> None:
    assert (
        public_origin(asgi_request(headers=FORWARDED, peer=peer), WITH_PROXIES)
        == "https://fhir.example.com.au/halo"
    )


@pytest.mark.parametrize("peer", ["192.0.2.1", "2001:db9::7", "11.0.0.1", "", "testclient", "/run/gw.sock"])
def test_other_peer_does_not_set_them(peer: str) -> None:
    assert public_origin(asgi_request(headers=FORWARDED, peer=peer), WITH_PROXIES) == "http://gw.example"


def test_no_proxy_is_trusted_by_default() -> None:
    assert public_origin(asgi_request(headers=FORWARDED, peer="127.0.0.1"), server()) == "http://gw.example"


def test_missing_forwarded_values_come_from_the_request() -> None:
    request = asgi_request(headers={"x-forwarded-proto": "https"}, peer="10.0.0.1")
    assert public_origin(request, WITH_PROXIES) == "https://gw.example"


def test_first_of_several_forwarded_values_is_used() -> None:
    headers = {"x-forwarded-host": "outer.example, inner.example", "x-forwarded-proto": "https, http"}
    assert (
        public_origin(asgi_request(headers=headers, peer="10.0.0.1"), WITH_PROXIES) == "https://outer.example"
    )


@pytest.mark.parametrize(
    "host", ["gw.example", "10.0.0.1:80", "[2001:db8::1]", "[::1]:8080", "gw-1.local", "gateway_1:8080"]
)
def test_valid_host_is_accepted(host: str) -> None:
    assert public_origin(asgi_request(headers={"host": host}), server()) == f"http://{host}"


@pytest.mark.parametrize(
    "host",
    [
        "",
        "gw.example/path",
        "user@gw.example",
        "gw example",
        "gw.example?x",
        "gw.example#x",
        "gw:port",
        "[::1",
    ],
)
def test_invalid_host_is_a_bad_request(host: str) -> None:
    with pytest.raises(Failure) as failure:
        public_origin(asgi_request(headers={"host": host}), server())
    assert failure.value.kind.status == 400
    assert not host or host not in f"{failure.value.text}{failure.value.diagnostics}"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-host": "evil.example/path"},
        {"x-forwarded-proto": "javascript"},
        {"x-forwarded-prefix": "/a?b"},
        {"x-forwarded-prefix": "//evil.example"},
    ],
)
def test_invalid_forwarded_value_is_a_bad_request(headers: dict[str, str]) -> None:
    with pytest.raises(Failure) as failure:
        public_origin(asgi_request(headers=headers, peer="10.0.0.1"), WITH_PROXIES)
    assert failure.value.kind.status == 400


@pytest.mark.parametrize("path", [FHIR, f"{FHIR}/Patient/1", f"{FHIR}/Patient/1/_history/2"])
def test_public_base_ends_before_the_fhir_path(path: str) -> None:
    assert public_base(asgi_request(path), server()) == f"http://gw.example{FHIR}"


def test_default_site_has_a_short_base() -> None:
    assert public_base(asgi_request("/fhir/R4/Patient"), server()) == "http://gw.example/fhir/R4"


def test_public_url_with_prefix_precedes_the_base() -> None:
    public = "https://fhir.example.com.au/halo"
    assert public_base(asgi_request(f"{FHIR}/Patient"), server(public_url=public)) == f"{public}{FHIR}"


def test_forwarded_scheme_may_be_in_capitals() -> None:
    request = asgi_request("/", {"x-forwarded-proto": "HTTPS"}, peer="10.0.0.1")
    assert public_origin(request, server(trusted_proxies=["10.0.0.0/8"])) == "https://gw.example"
