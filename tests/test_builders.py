import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from support.requests import SITE

from gateway.builders import IRRELEVANT_TO_RESPONSES, cache_config, create_ledger, ledger_url, open_store
from gateway.exchange import Site
from gateway.settings import Cache, Settings
from gateway.stores.fallback import FallbackStore
from gateway.stores.memory import MemoryStore

SHARED = Cache.model_validate({"redis": {"url": "redis://127.0.0.1:1"}, "keys": ["synthetic"]})


def test_without_redis_the_store_is_this_processes_own() -> None:
    assert isinstance(open_store(Cache(), AsyncExitStack()), MemoryStore)


def test_a_redis_that_is_away_is_stood_in_for_and_closed_at_the_end() -> None:
    async def live() -> tuple[bytes | None, str]:
        async with AsyncExitStack() as closing:
            shared = open_store(SHARED, closing)
            assert isinstance(shared, FallbackStore)
            await shared.set("a", b"1", 10)
            return await shared.get("a"), await shared.problem()

    value, problem = asyncio.run(live())
    assert value == b"1"
    assert problem


async def engine(guid: str) -> str:
    return f"engine of {guid}"


def test_a_sites_profile_goes_over_the_general_one() -> None:
    settings = Settings.model_validate(
        {"cache": {"profile": "cautious"}, "sites": {SITE.guid: {"cache": {"profile": "off"}}}}
    )
    found = cache_config(settings, "spare", engine)
    other = type(SITE)("0a1b2c3d-0000-4000-8000-00000000000b", SITE.zone)
    assert (found.freshness_of(SITE).profile, found.freshness_of(other).profile) == ("off", "cautious")


def version(settings: Settings, guid: str = SITE.guid) -> str:
    return asyncio.run(_version(settings, replace(SITE, guid=guid)))


async def _version(settings: Settings, site: Site) -> str:
    return await cache_config(settings, "spare", engine).version_of(site)


def test_names_are_keyed_and_change_with_the_configuration_and_the_engine() -> None:
    one, two = (cache_config(Settings(), spare, engine) for spare in ("a", "b"))
    assert one.secret != two.secret
    assert version(Settings()) == version(Settings())
    assert version(Settings()) != version(Settings(cache=Cache(profile="off")))
    assert version(Settings()) != version(Settings(), "another")
    same = (cache_config(Settings(cache=SHARED), "a", engine) for _ in range(2))
    assert len({each.secret for each in same}) == 1


OWN = (
    {"log": {"level": "debug"}},
    {"ledger": {"path": "/var/lib/replica-2.db", "retention_days": 30}},
    {"admin": {"listen": "127.0.0.1:9001"}},
    {"retry": {"max_wait_seconds": 1}},
    {"circuit_breaker": {"max_open_seconds": 60}},
    {"bulkhead": {"max_concurrent": 4}},
    {"writes": {"validation": "refuse"}},
    {"server": {"max_connections": 7, "timeouts": {"idle": 5}}},
    {"upstream": {"max_connections": 7, "requests_per_second": 3}},
    {"upstream": {"proxy": "http://user:Zzyzx@127.0.0.1:3128"}},
    {"cache": {"max_bytes": 1_000_000, "lock_seconds": 1, "redis": {"timeout": 2}}},
)
SHAPING = (
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
    {"cache": {"trust_etags": True}},
)


@pytest.mark.parametrize("differs", OWN, ids=str)
def test_replicas_share_answers_in_spite_of_settings_of_their_own(differs: dict[str, object]) -> None:
    assert version(Settings.model_validate(differs)) == version(Settings())


@pytest.mark.parametrize("differs", SHAPING, ids=str)
def test_a_setting_that_shapes_answers_keeps_them_apart(differs: dict[str, object]) -> None:
    assert version(Settings.model_validate(differs)) != version(Settings())


def test_what_is_left_out_of_the_version_are_settings_and_each_is_tested() -> None:
    assert {name for differs in OWN for name in differs} == set(IRRELEVANT_TO_RESPONSES)
    for name, (parts, _) in IRRELEVANT_TO_RESPONSES.items():
        section = getattr(Settings(), name)
        assert parts is True or (isinstance(parts, set) and parts <= set(type(section).model_fields))


def test_replicas_with_a_redis_share_a_ledger_unless_a_file_was_named(tmp_path: Path) -> None:
    redis = {"redis": {"url": "redis://127.0.0.1:1"}, "keys": ["synthetic"]}
    path = str(tmp_path / "ledger.db")
    for kept, url in (
        ({}, "redis://127.0.0.1:1"),
        ({"path": path}, ""),
        ({"path": path, "store": "redis"}, "redis://127.0.0.1:1"),
        ({"path": path, "store": "file"}, ""),
        ({"store": "file"}, ""),
    ):
        settings = Settings.model_validate({"cache": redis, "ledger": kept})
        create_ledger(settings)
        assert ledger_url(settings) == url
    assert ledger_url(Settings()) == ""
