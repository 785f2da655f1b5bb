import pytest
from support.asgi import FHIR, scoped, server

from gateway.errors.failure import Failure
from gateway.web.public_url import public_base, public_origin

FORWARDED = {
    "x-forwarded-host": "fhir.example.com.au",
    "x-forwarded-proto": "https",
    "x-forwarded-prefix": "/halo/",
}
TRUSTING = server(trusted_proxies=["10.0.0.0/8", "2001:db8::/32"])


def test_without_settings_the_host_that_the_client_used_counts() -> None:
    assert public_origin(scoped(headers={"host": "gw.example:8443"}), server()) == "http://gw.example:8443"


def test_the_public_url_beats_everything_that_a_request_says() -> None:
    request = scoped(headers=FORWARDED | {"host": "evil.example/path"}, peer="10.1.2.3")
    settings = server(public_url="https://fhir.example.com.au/halo/", trusted_proxies=["10.0.0.0/8"])
    assert public_origin(request, settings) == "https://fhir.example.com.au/halo"


@pytest.mark.parametrize("peer", ["10.1.2.3", "2001:db8::7"])
def test_a_trusted_proxy_says_host_scheme_and_prefix(peer: str) -> None:
    assert public_origin(scoped(headers=FORWARDED, peer=peer), TRUSTING) == "https://fhir.example.com.au/halo"


@pytest.mark.parametrize("peer", ["192.0.2.1", "2001:db9::7", "11.0.0.1", "", "testclient", "/run/gw.sock"])
def test_nobody_else_does(peer: str) -> None:
    assert public_origin(scoped(headers=FORWARDED, peer=peer), TRUSTING) == "http://gw.example"


def test_nobody_is_trusted_by_default() -> None:
    assert public_origin(scoped(headers=FORWARDED, peer="127.0.0.1"), server()) == "http://gw.example"


def test_what_a_trusted_proxy_does_not_say_comes_from_the_request() -> None:
    request = scoped(headers={"x-forwarded-proto": "https"}, peer="10.0.0.1")
    assert public_origin(request, TRUSTING) == "https://gw.example"


def test_of_several_forwarded_values_the_first_is_the_clients() -> None:
    headers = {"x-forwarded-host": "outer.example, inner.example", "x-forwarded-proto": "https, http"}
    assert public_origin(scoped(headers=headers, peer="10.0.0.1"), TRUSTING) == "https://outer.example"


@pytest.mark.parametrize("host", ["gw.example", "10.0.0.1:80", "[2001:db8::1]", "[::1]:8080", "gw-1.local"])
def test_hosts_that_can_stand_in_a_url_are_taken(host: str) -> None:
    assert public_origin(scoped(headers={"host": host}), server()) == f"http://{host}"


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
def test_a_host_that_cannot_is_a_bad_request(host: str) -> None:
    with pytest.raises(Failure) as refused:
        public_origin(scoped(headers={"host": host}), server())
    assert refused.value.kind.status == 400
    assert not host or host not in f"{refused.value.text}{refused.value.diagnostics}"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-host": "evil.example/path"},
        {"x-forwarded-proto": "javascript"},
        {"x-forwarded-prefix": "/a?b"},
        {"x-forwarded-prefix": "//evil.example"},
    ],
)
def test_a_trusted_proxy_that_talks_nonsense_is_a_bad_request(headers: dict[str, str]) -> None:
    with pytest.raises(Failure) as refused:
        public_origin(scoped(headers=headers, peer="10.0.0.1"), TRUSTING)
    assert refused.value.kind.status == 400


@pytest.mark.parametrize("path", [FHIR, f"{FHIR}/Patient/1", f"{FHIR}/Patient/1/_history/2"])
def test_the_public_base_ends_where_the_fhir_paths_begin(path: str) -> None:
    assert public_base(scoped(path), server()) == f"http://gw.example{FHIR}"


def test_the_mounted_site_has_a_short_base() -> None:
    assert public_base(scoped("/fhir/R4/Patient"), server()) == "http://gw.example/fhir/R4"


def test_a_public_url_with_a_prefix_stands_before_the_base() -> None:
    found = public_base(scoped(f"{FHIR}/Patient"), server(public_url="https://fhir.example.com.au/halo"))
    assert found == f"https://fhir.example.com.au/halo{FHIR}"
