"""deploy/compose: services, networks, secrets, and the settings with which its gateways start."""

import ipaddress
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from redis import Redis
from redis.exceptions import AuthenticationError
from support.kit_settings import drain_total, kit_settings, make_secrets
from support.nginx_kit import CONFIG
from support.redis_server import redis_server

from gateway.emulator.sites import SITES

KIT = ROOT / "deploy" / "compose"


class ComposeLoader(yaml.SafeLoader):
    """YAML with Compose's tag `!override`."""


ComposeLoader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node))


def read(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((KIT / name).read_text(encoding="utf-8"), ComposeLoader)  # noqa: S506
    return loaded


COMPOSE, EMULATOR, TLS = read("compose.yaml"), read("compose.emulator.yaml"), read("compose.tls.yaml")
SERVICES: dict[str, Any] = COMPOSE["services"]
EVERY = [
    *SERVICES.items(),
    *((name, each) for name, each in EMULATOR["services"].items() if name not in SERVICES),
]
GATEWAYS = ("gateway-1", "gateway-2")


def address(service: str) -> str:
    return str(SERVICES[service]["networks"]["front"]["ipv4_address"])


@pytest.mark.parametrize(("name", "service"), EVERY)
def test_service_has_no_rights(name: str, service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("user", "emulator's image has one").split(":")[0] != "0"


def test_only_this_machine_reaches_it_without_tls() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert sorted(ports) == ["127.0.0.1:8080:8080", "127.0.0.1:9091:9090", "127.0.0.1:9092:9090"]
    assert TLS["services"]["nginx"]["ports"] == ["443:8443"]


def test_both_gateways_are_alike_but_for_address_and_port() -> None:
    first, second = (
        {name: value for name, value in SERVICES[each].items() if name not in {"networks", "ports"}}
        for each in GATEWAYS
    )
    assert first == second


@pytest.mark.parametrize("compose", [COMPOSE, EMULATOR, TLS], ids=["compose", "emulator", "tls"])
def test_every_mounted_file_exists(compose: dict[str, Any]) -> None:
    mounts = [
        volume
        for service in compose["services"].values()
        for volume in service.get("volumes", ())
        if volume.startswith(".")
    ]
    assert all((KIT / volume.split(":")[0]).is_file() and volume.endswith(":ro") for volume in mounts), mounts
    secrets = {name for service in compose["services"].values() for name in service.get("secrets", ())}
    assert secrets == set(compose.get("secrets", {}))


def test_compose_builds_from_the_checkout() -> None:
    built = [
        service["build"] for service in {**SERVICES, **EMULATOR["services"]}.values() if "build" in service
    ]
    assert built
    assert all((KIT / build["context"] / "Dockerfile").samefile(ROOT / "Dockerfile") for build in built)


def test_nginx_names_both_gateways_and_only_them() -> None:
    assert all(CONFIG.count(f"server {name}:8080 ") == 2 for name in GATEWAYS)
    assert CONFIG.count("server gateway-") == 4


def test_addresses_are_in_the_network_and_differ() -> None:
    (subnet,) = COMPOSE["networks"]["front"]["ipam"]["config"]
    emulator = EMULATOR["services"]["emulator"]["networks"]["front"]["ipv4_address"]
    found = [address("nginx"), *map(address, GATEWAYS), emulator]
    assert len(set(found)) == 4
    assert all(ipaddress.ip_address(each) in ipaddress.ip_network(subnet["subnet"]) for each in found)


def test_redis_is_reached_by_gateways_only() -> None:
    assert COMPOSE["networks"]["back"]["internal"] is True
    assert {name for name, each in SERVICES.items() if "back" in each["networks"]} == {*GATEWAYS, "redis"}
    assert SERVICES["redis"]["networks"] == ["back"]


def test_large_bodies_always_have_room() -> None:
    (tmpfs,) = re.findall(r"size=(\d+)m", SERVICES["nginx"]["tmpfs"][0])
    (bodies,) = re.findall(r"limit_conn large_bodies (\d+);", CONFIG)
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", CONFIG)
    assert int(tmpfs) > int(bodies) * int(megabytes)
    assert int(SERVICES["nginx"]["mem_limit"].removesuffix("m")) >= int(tmpfs) + 256


def test_gateways_start_with_made_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = kit_settings(KIT / "gateway.toml", make_secrets(tmp_path / "secrets"), monkeypatch)
    assert [*map(str, settings.server.trusted_proxies)] == [f"{address('nginx')}/32"]
    assert set(settings.admin.hosts) == set(GATEWAYS)
    assert settings.cache.keys != settings.paging.keys
    for name in GATEWAYS:
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= drain_total(settings)


def test_gateways_start_with_emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = EMULATOR["services"]["gateway-1"]["environment"]
    assert environment == EMULATOR["services"]["gateway-2"]["environment"]
    secrets = make_secrets(tmp_path / "secrets")
    settings = kit_settings(KIT / "gateway.toml", secrets | environment, monkeypatch)
    assert {guid: settings.sites[guid].time_zone for guid in SITES} == {
        guid: site.zone_name for guid, site in SITES.items()
    }


def test_secrets_are_made_once(tmp_path: Path) -> None:
    made = make_secrets(tmp_path / "secrets")
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "secrets" / "gateway.env").stat().st_mode) == 0o600
    with pytest.raises(subprocess.CalledProcessError):
        make_secrets(tmp_path / "secrets")
    assert made != make_secrets(tmp_path / "others")


def test_redis_keeps_the_ledger_and_every_write(tmp_path: Path) -> None:
    """redis-server itself with the kit's file: password, nothing evicted, each command on the disk."""
    password = make_secrets(tmp_path)["HALO_GATEWAY_CACHE__REDIS__URL"].split("@")[0].rpartition(":")[2]
    config = (KIT / "redis.conf").read_text(encoding="utf-8").replace("/run/secrets/", f"{tmp_path}/")
    kept = [line for line in config.splitlines() if not line.startswith(("dir ", "bind ", "save "))]
    (tmp_path / "redis.conf").write_text("\n".join(kept))
    with redis_server("--include", str(tmp_path / "redis.conf")) as server:
        with Redis.from_url(server.url) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
        with Redis.from_url(server.url, password=password) as redis:
            found = redis.config_get("append*", "maxmemory*", "save")
    assert {"appendonly": "yes", "appendfsync": "always", "save": ""}.items() <= found.items()
    assert found["maxmemory-policy"] == "noeviction"
    memory = SERVICES["redis"]["mem_limit"]
    assert int(found["maxmemory"]) * 1.25 < int(memory.removesuffix("m")) * 1024 * 1024
