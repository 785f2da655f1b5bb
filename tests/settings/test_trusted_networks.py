"""Networks of trusted reverse proxies."""

from ipaddress import ip_network

import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.settings.trusted_networks import TrustedNetworks

NETWORKS = TypeAdapter(TrustedNetworks)


@pytest.mark.parametrize(
    "networks",
    [
        [],
        ["10.0.0.0/8"],
        ["127.0.0.1/32", "::1/128"],
        ["172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"],
        ["fc00::/7"],
        ["fd00::/8", "2001:db8::/32"],
        ["::ffff:10.0.0.0/104"],
        ["198.51.100.0/24", "198.51.101.0/24"],
    ],
)
def test_networks_of_proxies_are_valid(networks: list[str]) -> None:
    assert list(NETWORKS.validate_python(networks)) == list(map(ip_network, networks))


@pytest.mark.parametrize(
    "networks",
    [
        ["0.0.0.0/0"],
        ["::/0"],
        ["10.0.0.0/7"],
        ["0.0.0.0/1", "128.0.0.0/1"],
        [f"{number}.0.0.0/8" for number in range(256)],
        ["2000::/3"],
        ["::/16"],
        ["::ffff:0.0.0.0/96"],
        ["10.0.0.0/8", "::/1"],
    ],
)
def test_network_with_addresses_of_strangers_is_refused(networks: list[str]) -> None:
    with pytest.raises(ValidationError, match=r"larger than /8 \(IPv4\) or /16 \(IPv6\)"):
        NETWORKS.validate_python(networks)


def test_number_of_networks_is_limited() -> None:
    many = [f"10.{number // 200}.{number % 200}.0/24" for number in range(1_001)]
    assert len(NETWORKS.validate_python(many[:1_000])) == 1_000
    with pytest.raises(ValidationError):
        NETWORKS.validate_python(many)
