"""Builders: cache configuration, connections and policies."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.plugins import PluginFolder
from support.requests import SITE, fhir_request, sql_request
from support.secrets import OTHER_SECRET, SECRET

from gateway.builders import IRRELEVANT_TO_RESPONSES, cache_config, connection_pool, sql_timeout
from gateway.settings import Cache, Settings, Sql, Upstream
from gateway.upstreams.direct_transport import DirectTransport
from gateway.upstreams.transport import PooledTransport

SHARED = Cache.model_validate({"redis": {"url": "redis://127.0.0.1:1"}, "keys": [SECRET]})


async def engine_version(guid: str) -> str:
    return f"engine of {guid}"


def test_profile_of_a_site_overrides_the_general_profile() -> None:
    settings = Settings.model_validate(
        {"cache": {"profile": "cautious"}, "sites": {SITE.guid: {"cache": {"profile": "off"}}}}
    )
    config = cache_config(settings, "process-secret", engine_version)
    other_site = replace(SITE, guid="0a1b2c3d-0000-4000-8000-00000000000b")
    assert config.freshness_of(SITE).profile == "off"
    assert config.freshness_of(other_site).profile == "cautious"


async def version(settings: Settings, guid: str = SITE.guid) -> str:
    config = cache_config(settings, "process-secret", engine_version)
    return await config.version_of(replace(SITE, guid=guid))


def test_cache_secret_without_keys_is_that_of_the_process() -> None:
    first, second = (cache_config(Settings(), secret, engine_version).secret for secret in ("a", "b"))
    assert first != second
    keyed = (cache_config(Settings(cache=SHARED), secret, engine_version) for secret in ("a", "b"))
    assert len({config.secret for config in keyed}) == 1


@pytest.mark.anyio
async def test_version_depends_on_configuration_and_engine() -> None:
    assert await version(Settings()) == await version(Settings())
    assert await version(Settings()) != await version(Settings(cache=Cache(profile="off")))
    assert await version(Settings()) != await version(Settings(), "another")


IRRELEVANT_SETTINGS = (
    {"log": {"level": "debug"}},
    {"traces": {"endpoint": "http://127.0.0.1:4318", "sample_ratio": 1, "propagate": True}},
    {"ledger": {"path": "/var/lib/replica-2.db", "retention_days": 30}},
    {"admin": {"listen": "127.0.0.1:9001"}},
    {"cors": {"origins": ["https://app.example"], "subscription_key": True, "max_age": 60}},
    {"retry": {"max_wait_seconds": 1}},
    {"circuit_breaker": {"max_open_seconds": 60}},
    {"bulkhead": {"max_concurrent": 4}},
    {"writes": {"validation": "refuse"}},
    {"sql": {"max_body": 1_000_000}},
    {"webhooks": {"max_age_seconds": 60}},
    {"server": {"max_connections": 7, "timeouts": {"idle": 5}, "drain_delay": 9, "drain_seconds": 8}},
    {"search": {"max_parameters": 7, "max_list_values": 8}},
    {"upstream": {"max_connections": 7, "requests_per_second": 3}},
    {"upstream": {"proxy": "http://user:Zzyzx@127.0.0.1:3128"}},
    {"apps": {"board": {"user_agent": "Board/*", "purpose": "display"}}},
    {"budget_webhook": {"url": "https://alerts.example", "secret": f"whsec_{SECRET}"}},
    {"cache": {"max_bytes": 1_000_000, "lock_seconds": 1, "redis": {"timeout": 2}}},
    {"cache": {"keys": [SECRET, OTHER_SECRET]}},
    {"paging": {"keys": [SECRET, OTHER_SECRET]}},
)
RELEVANT_SETTINGS = (
    {"sites": {SITE.guid: {"time_zone": "Australia/Perth"}}},
    {"sites": {"default": {"last_updated_output": "site"}}},
    {"sites": {SITE.guid: {"search": {"supports_comma_or": True}}}},
    {"repairs": {"link-base-url": False}},
    {"search": {"max_queries_per_page": 2}},
    {"paging": {"link_lifetime_seconds": 60}},
    {"paging": {"max_response_bytes": 1_000_000}},
    {"errors": {"upstream_text": "none"}},
    {"upstream": {"url": "https://api.stage.haloconnect.io"}},
    {"server": {"public_url": "https://gw.example"}},
    {"cache": {"profile": "cautious"}},
)


@pytest.mark.anyio
@pytest.mark.parametrize("values", IRRELEVANT_SETTINGS, ids=str)
async def test_irrelevant_setting_does_not_change_the_version(values: dict[str, object]) -> None:
    assert await version(Settings.model_validate(values)) == await version(Settings())


@pytest.mark.anyio
@pytest.mark.parametrize("values", RELEVANT_SETTINGS, ids=str)
async def test_relevant_setting_changes_the_version(values: dict[str, object]) -> None:
    assert await version(Settings.model_validate(values)) != await version(Settings())


@pytest.mark.anyio
async def test_release_of_a_plugin_changes_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = PluginFolder(tmp_path, monkeypatch)
    folder.add("acme")
    before = await version(Settings.model_validate({"plugins": ["acme"]}))
    (tmp_path / "acme-1.0.dist-info" / "METADATA").write_text("Name: acme\nVersion: 1.1\n")
    assert await version(Settings.model_validate({"plugins": ["acme"]})) != before


def test_all_irrelevant_settings_exist_and_are_tested() -> None:
    assert {name for values in IRRELEVANT_SETTINGS for name in values} == set(IRRELEVANT_TO_RESPONSES)
    for name, (parts, _) in IRRELEVANT_TO_RESPONSES.items():
        section = getattr(Settings(), name)
        assert parts is True or (isinstance(parts, set) and parts <= set(type(section).model_fields))


def test_sql_query_may_take_its_time_in_the_queue() -> None:
    timeout_of = sql_timeout(Settings(sql=Sql(read_timeout_seconds=65, total_timeout_seconds=130)))
    assert timeout_of(sql_request(body=b'{"maxTimeInQueue":1500}')) == {"read": 66.5, "total": 130}
    assert timeout_of(sql_request()) == {"read": 95, "total": 130}
    assert timeout_of(sql_request("status")) is timeout_of(fhir_request()) is None


def test_only_an_outbound_proxy_needs_aiohttp() -> None:
    proxied = {"url": "http://upstream.example", "proxy": "http://proxy.example:3128"}
    assert type(connection_pool(Upstream.model_validate(proxied))) is PooledTransport
    del proxied["proxy"]
    assert type(connection_pool(Upstream.model_validate(proxied))) is DirectTransport
