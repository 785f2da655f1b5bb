"""compose.yaml and the Dockerfile: valid settings, and no example with a guessed time zone."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from conftest import ROOT
from support.secrets import OTHER_SECRET, SECRET

from gateway.emulator.sites import SITES
from gateway.settings import ConfigurationError, Settings, load

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
GATEWAYS = [name for name, service in COMPOSE["services"].items() if service.get("image") == "halo-gateway"]
#: What the operator sets before `docker compose --profile redis up`.
KEYS = {
    "${GATEWAY_CACHE_KEYS:-}": f'["{SECRET}"]',
    "${GATEWAY_PAGING_KEYS:-}": f'["{OTHER_SECRET}"]',
}


def settings_of(service: str, monkeypatch: pytest.MonkeyPatch, keys: Mapping[str, str] = KEYS) -> Settings:
    """Settings with which a service of compose.yaml starts."""
    for name, value in COMPOSE["services"][service]["environment"].items():
        monkeypatch.setenv(name, keys.get(value, "") if value.startswith("$") else value)
    return load()


@pytest.mark.parametrize("service", GATEWAYS)
def test_gateway_knows_each_emulated_practice_with_its_zone(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites = settings_of(service, monkeypatch).sites
    assert {guid: site.time_zone for guid, site in sites.items()} == {
        guid: site.zone_name for guid, site in SITES.items()
    }


@pytest.mark.parametrize("service", GATEWAYS)
def test_gateway_has_the_time_that_its_end_takes(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server = settings_of(service, monkeypatch).server
    seconds = int(COMPOSE["services"][service]["stop_grace_period"].removesuffix("s"))
    assert seconds >= server.drain_delay + server.drain_seconds + 5


def test_redis_starts_with_its_profile_only() -> None:
    services = COMPOSE["services"]
    by_profile = {name for name, service in services.items() if "redis" in service.get("profiles", ())}
    assert by_profile == {"redis", "replica-1", "replica-2"}
    for name, service in services.items():
        assert ("redis" in service.get("depends_on", ())) == (name in by_profile - {"redis"})


@pytest.mark.parametrize("service", ["prometheus", "grafana"])
def test_observability_starts_with_its_profile_and_changes_no_files(service: str) -> None:
    options = COMPOSE["services"][service]
    assert options["profiles"] == ["observability"]
    assert not options["user"].startswith("0")
    folders = [volume.split(":") for volume in options["volumes"]]
    mounted = [parts for parts in folders if parts[0].startswith(".")]
    assert all((ROOT / source).is_dir() and mode == "ro" for source, _, mode in mounted)
    assert {source for source, *_ in folders if not source.startswith(".")} == {service}
    assert service in COMPOSE["volumes"]


def test_nobody_is_an_administrator_of_grafana() -> None:
    environment = COMPOSE["services"]["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"


@pytest.mark.parametrize(
    ("suffix", "names"), [("", ["gateway"]), ("-replicas", ["gateway", "replica-1", "replica-2"])]
)
def test_prometheus_expects_every_gateway_that_runs(suffix: str, names: list[str]) -> None:
    """By fixed targets: a name that no address has any more would be no target, and raise no alert."""
    file = ROOT / "deploy" / "observability" / "prometheus" / f"prometheus{suffix}.yml"
    (scrape,) = yaml.safe_load(file.read_text(encoding="utf-8"))["scrape_configs"]
    assert scrape == {
        "job_name": "halo-gateway",
        "static_configs": [{"targets": [f"{name}:8080" for name in names]}],
    }
    services = COMPOSE["services"]
    running = [name for name in GATEWAYS if suffix or not services[name].get("profiles")]
    assert running == names
    assert {port for name in names for port in services[name]["ports"]} == {
        f"127.0.0.1:{8080 + number}:8080" for number in range(len(names))
    }


def test_prometheus_expects_the_replicas_with_their_keys() -> None:
    (option,) = [each for each in COMPOSE["services"]["prometheus"]["command"] if "config.file" in each]
    choice = "${GATEWAY_CACHE_KEYS:+-replicas}"
    assert option == f"--config.file=/etc/prometheus/prometheus{choice}.yml"
    replicas = [name for name in GATEWAYS if "redis" in COMPOSE["services"][name].get("profiles", ())]
    for name in replicas:
        environment = COMPOSE["services"][name]["environment"]
        assert environment["HALO_GATEWAY_CACHE__KEYS"] == "${GATEWAY_CACHE_KEYS:-}"


def test_grafana_finds_prometheus_and_the_dashboards() -> None:
    folder = ROOT / "deploy" / "observability" / "grafana"
    volumes = COMPOSE["services"]["grafana"]["volumes"]
    targets = {source: target for source, target, *_ in (volume.split(":") for volume in volumes)}
    provider = yaml.safe_load(
        (folder / "provisioning/dashboards/halo-gateway.yml").read_text(encoding="utf-8")
    )
    (path,) = [each["options"]["path"] for each in provider["providers"]]
    assert targets[f"./{(folder / 'dashboards').relative_to(ROOT)}"] == path
    sources = yaml.safe_load((folder / "provisioning/datasources/prometheus.yml").read_text(encoding="utf-8"))
    assert [each["url"] for each in sources["datasources"]] == ["http://prometheus:9090"]
    assert (folder / "dashboards" / "overview.json").is_file()


def test_replicas_share_their_store_and_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (settings_of(f"replica-{number}", monkeypatch) for number in (1, 2))
    assert first.model_dump() == second.model_dump()
    assert first.cache.redis.url is not None
    assert [len(keys) for keys in (first.cache.keys, first.paging.keys)] == [1, 1]
    assert first.cache.keys != first.paging.keys


def test_replicas_start_as_the_file_says() -> None:
    named = set(re.findall(r"GATEWAY_\w+(?==\")", (ROOT / "compose.yaml").read_text(encoding="utf-8")))
    assert {f"${{{name}:-}}" for name in named} == set(KEYS)


def test_replicas_without_keys_do_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"cache\.keys"):
        settings_of("replica-1", monkeypatch, keys={})


def test_every_service_runs_without_capabilities_and_on_localhost_only() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name


@pytest.mark.parametrize(
    "page", ["README.md", "compose.yaml", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_no_example_sets_a_zone_for_unnamed_practices(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)) or text
    assert "[sites.default]" not in blocks
    assert "SITES__DEFAULT__TIME_ZONE" not in blocks


def test_images_have_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    labels = re.findall(r'image\.version="([^"]+)"', (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert labels == [project["version"]] * 2


def test_default_image_is_the_gateway() -> None:
    targets = re.findall(
        r"^FROM \S+ AS (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert targets[-1] == "gateway"
    assert {
        service["build"]["target"] for service in COMPOSE["services"].values() if "build" in service
    } <= set(targets)
