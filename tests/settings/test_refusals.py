"""Messages for unknown names."""

import pytest

from gateway.settings import Settings
from gateway.settings.environment import PREFIX, SEPARATOR, setting_name
from gateway.settings.refusals import MAX_LISTED, limit_lines, unknown_name_message

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"
UPPER = GUID.upper()
#: The GUID in a form that a shell can export.
SHELL = UPPER.replace("-", "_")


def message_for_variable(variable: str) -> str:
    return unknown_name_message(
        Settings, setting_name(PREFIX + variable), PREFIX + variable, SEPARATOR, PREFIX
    )


def message_for_name(name: str) -> str:
    return unknown_name_message(Settings, tuple(name.split(".")))


@pytest.mark.parametrize(
    ("variable", "suggestion"),
    [
        ("SITE__DEFAULT__TIME_ZONE", "SITES__DEFAULT__TIME_ZONE"),
        ("SITES_DEFAULT__TIME_ZONE", "SITES__DEFAULT__TIME_ZONE"),
        ("SITES__DEFAULT_TIME_ZONE", "SITES__DEFAULT__TIME_ZONE"),
        ("SITES__DEFUALT__TIME_ZONE", "SITES__DEFAULT__TIME_ZONE"),
        ("SITES__HARBOUR__TIMEZONE", "SITES__<GUID>__TIME_ZONE"),
        (f"SITES__{UPPER}__TIMEZONE", f"SITES__{UPPER}__TIME_ZONE"),
        (f"SITE__{UPPER}__TIME_ZONE", f"SITES__{UPPER}__TIME_ZONE"),
        (f"SITES__{UPPER}__LAST_UPDATED_INPUT__PATIENT", f"SITES__{UPPER}__LAST_UPDATED_INPUT"),
        ("TIME_ZONE", "SITES__<GUID>__TIME_ZONE"),
        ("SERVER_DEFAULT_SITE", "SERVER__DEFAULT_SITE"),
        ("UPSTREAM__TIMEOUT__READ", "UPSTREAM__TIMEOUTS__READ"),
        ("UPSTREAM_URL", "UPSTREAM__URL"),
        ("UPSTREM__URL", "UPSTREAM__URL"),
        ("UPSTREAMS__HG__PROXXY", "UPSTREAMS__HG__PROXY"),
        ("REDIS_URL", "CACHE__REDIS__URL"),
        ("CACHE_REDIS_URL", "CACHE__REDIS__URL"),
        ("PAGING_KEY", "PAGING__KEYS"),
        ("LOG_LEVEL", "LOG__LEVEL"),
        ("LOG__LEVEL__X", "LOG__LEVEL"),
        ("LOG__LEEVL", "LOG__LEVEL"),
        ("UPSTREAM__ULR", "UPSTREAM__URL"),
        ("CACHE__URL", "CACHE__REDIS__URL"),
        ("HTTP_PROXY", "UPSTREAM__PROXY"),
        ("HTTPS_PROXY", "UPSTREAM__PROXY"),
        (f"SITES__{SHELL}__TIMEZONE", f"SITES__{SHELL}__TIME_ZONE"),
        (f"SITE__{SHELL}__TIME_ZONE", f"SITES__{SHELL}__TIME_ZONE"),
        ("UPSTREAMS__HG__PROXI", "UPSTREAMS__HG__PROXY"),
    ],
)
def test_unknown_variable_suggests_a_variable(variable: str, suggestion: str) -> None:
    message = message_for_variable(variable)
    assert message == f"{PREFIX}{variable}: no such setting. Did you mean {PREFIX}{suggestion}?"


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("sever", "server"),
        ("site", "sites"),
        ("server.publik_url", "server.public_url"),
        ("upstream.timeout", "upstream.timeouts"),
        ("paging.key", "paging.keys"),
        (f"sites.{GUID}.timezone", f"sites.{GUID}.time_zone"),
        (f"sites.{GUID}.cache.profil", f"sites.{GUID}.cache.profile"),
        ("sites.harbour", "sites.<guid>"),
        ("pauses.rules.0.message_patern", "pauses.rules.0.message_pattern"),
        ("sites.DEFAULT.TIME_ZONE", "sites.default.time_zone"),
        ("server.Public_URL", "server.public_url"),
        ("server.url", "server.public_url"),
        ("cache.url", "cache.redis.url"),
        ("siteh", "sites"),
        ("paging.probe_intervall_seconds", "paging.probe_interval_seconds"),
        ("upstreams.HG.proxy", "upstreams.hg.proxy"),
        ("http_proxy", "upstream.proxy"),
        ("ledger.callers.front", "ledger.callers.<digits>"),
        ("timezone", "sites.<guid>.time_zone"),
    ],
)
def test_unknown_name_in_a_file_suggests_a_name(name: str, suggestion: str) -> None:
    assert message_for_name(name) == f"{name}: no such setting. Did you mean {suggestion}?"


@pytest.mark.parametrize(
    ("name", "options"), [("port", "--port"), ("server_port", "--port"), ("host", "--host")]
)
def test_command_line_option_is_suggested(name: str, options: str) -> None:
    assert message_for_variable(name.upper()).endswith(f"halo-gateway serve {options}.")
    assert message_for_name(name.replace("_", ".")).endswith(f"halo-gateway serve {options}.")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("config", "It is an option of every command: --config, or the variable HALO_GATEWAY_CONFIG."),
        ("probe_key", "It is a variable of the environment: HALO_GATEWAY_PROBE_KEY."),
    ],
)
def test_name_that_a_file_cannot_contain_has_a_hint(name: str, hint: str) -> None:
    assert message_for_name(name) == f"{name}: no such setting. {hint}"


def test_quoted_name_has_a_hint() -> None:
    message = unknown_name_message(Settings, ("sites.default",))
    assert message == "sites.default: no such setting. Write sites.default without quotes."
    assert "quotes" not in unknown_name_message(Settings, ("sites.harbour",))


def test_message_does_not_contain_a_credential() -> None:
    key = "0123456789abcdef0123456789abcdef"
    for message in (
        message_for_name(f"ledger.callers.{key}.name"),
        message_for_name(f"cache.shared_callers.K{key}"),
        message_for_name(f"ledger.{key}"),
        message_for_variable(f"LEDGER__CALLERS__{key.upper()}__NAME"),
        unknown_name_message(Settings, ("upstream", f"http://u:{key}@h")),
    ):
        assert key[8:].lower() not in message.lower()


def test_lines_above_the_limit_are_counted() -> None:
    assert limit_lines(map(str, range(99)), MAX_LISTED, "names") == [*map(str, range(MAX_LISTED))]
    assert limit_lines(map(str, range(99)), 99, "names")[MAX_LISTED:] == [f"and {99 - MAX_LISTED} more names"]


@pytest.mark.parametrize("name", ["nonsense", "server.prot", f"sites.{GUID}.foo", "_", "x" * 9_000])
def test_dissimilar_name_has_no_suggestion(name: str) -> None:
    assert message_for_name(name).endswith(": no such setting.")


def test_long_or_unprintable_name_is_shortened() -> None:
    assert message_for_variable("X" * 100_000) == f"{PREFIX}XXXXXXXX…: no such setting."
    assert message_for_variable("__".join("X" * 60)) == f"{PREFIX}{'X__' * 35}X_…: no such setting."
    assert message_for_name("a\x1b[31m\nb") == "a?[31m?b: no such setting."
