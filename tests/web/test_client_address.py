"""Address of the client behind a request."""

import pytest
from support.asgi import asgi_request, server

from gateway.web.client_address import client_address, is_from_trusted_proxy

WITH_PROXIES = server(trusted_proxies=["10.0.0.0/8", "2001:db8:1::/48"])


def address_behind(forwarded: str, peer: str = "10.0.0.1") -> str:
    return client_address(asgi_request(headers={"x-forwarded-for": forwarded}, peer=peer), WITH_PROXIES)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:7:1:2:3:4:5", "2001:db8:7:1::/64"),
        ("", ""),
        ("/run/gw.sock", ""),
    ],
)
def test_address_is_the_peer(peer: str, address: str) -> None:
    assert client_address(asgi_request(peer=peer), server()) == address
    assert address_behind("203.0.113.9", peer) == address


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.2.2.2", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8:7:1::5]:4711", "2001:db8:7:1::/64"),
        ("203.0.113.9, nonsense", "203.0.113.9"),
        ("10.2.2.2", "10.2.2.2"),
        ("", "10.0.0.1"),
    ],
)
def test_trusted_proxy_names_its_client(forwarded: str, address: str) -> None:
    assert address_behind(forwarded) == address


def test_client_cannot_make_the_list_of_proxies_long() -> None:
    assert address_behind("203.0.113.9," + "10.0.0.2," * 20_000 + "10.0.0.3") == "10.0.0.2"


def test_further_field_continues_the_list() -> None:
    request = asgi_request(peer="10.0.0.1")
    request.scope["headers"] += [(b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-for", b"203.0.113.9")]
    assert client_address(request, WITH_PROXIES) == "203.0.113.9"


def test_peer_in_a_trusted_network_is_a_trusted_proxy() -> None:
    assert is_from_trusted_proxy(asgi_request(peer="10.1.2.3"), WITH_PROXIES)
    assert not is_from_trusted_proxy(asgi_request(peer="11.1.2.3"), WITH_PROXIES)
    assert not is_from_trusted_proxy(asgi_request(peer="10.1.2.3"), server())
