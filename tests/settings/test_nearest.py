"""What is said of a name that no setting has."""

import pytest

from gateway.settings import Settings
from gateway.settings.environment import JOINT, PREFIX
from gateway.settings.nearest import refusal

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"
UPPER = GUID.upper()


def in_the_environment(variable: str) -> str:
    return refusal(Settings, tuple(variable.lower().split(JOINT)), PREFIX + variable, JOINT, PREFIX)


def in_a_file(name: str) -> str:
    return refusal(Settings, tuple(name.split(".")), name)


@pytest.mark.parametrize(
    ("variable", "right"),
    [
        ("SITE__DEFAULT__TIME_ZONE", "SITES__DEFAULT__TIME_ZONE"),
        ("SITES_DEFAULT__TIME_ZONE", "SITES__DEFAULT__TIME_ZONE"),
        ("SITES__DEFAULT_TIME_ZONE", "SITES__DEFAULT__TIME_ZONE"),
        ("SITES__DEFUALT__TIME_ZONE", "SITES__DEFAULT__TIME_ZONE"),
        ("SITES__HARBOUR__TIMEZONE", "SITES__<GUID>__TIME_ZONE"),
        (f"SITES__{UPPER}__TIMEZONE", f"SITES__{UPPER}__TIME_ZONE"),
        (f"SITE__{UPPER}__TIME_ZONE", f"SITES__{UPPER}__TIME_ZONE"),
        (f"SITES__{UPPER}__LAST_UPDATED__PATIENT", f"SITES__{UPPER}__LAST_UPDATED"),
        ("TIME_ZONE", "SITES__<GUID>__TIME_ZONE"),
        ("SERVER_SITE", "SERVER__SITE"),
        ("UPSTREAM__TIMEOUT__READ", "UPSTREAM__TIMEOUTS__READ"),
        ("UPSTREAM_URL", "UPSTREAM__URL"),
        ("UPSTREM__URL", "UPSTREAM__URL"),
        ("UPSTREAMS__HG__PROXXY", "UPSTREAMS__HG__PROXY"),
        ("REDIS_URL", "CACHE__REDIS__URL"),
        ("CACHE_REDIS_URL", "CACHE__REDIS__URL"),
        ("PAGES_KEY", "PAGES__KEYS"),
        ("LOG_LEVEL", "LOG__LEVEL"),
        ("LOG__LEVEL__X", "LOG__LEVEL"),
    ],
)
def test_variable_is_spelt_as_variables_are(variable: str, right: str) -> None:
    said = in_the_environment(variable)
    assert said == f"{PREFIX}{variable}: no such setting. Did you mean {PREFIX}{right}?"


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("sever", "server"),
        ("site", "sites"),
        ("server.publik_url", "server.public_url"),
        ("upstream.timeout", "upstream.timeouts"),
        ("pages.key", "pages.keys"),
        (f"sites.{GUID}.timezone", f"sites.{GUID}.time_zone"),
        (f"sites.{GUID}.cache.profil", f"sites.{GUID}.cache.profile"),
        ("sites.harbour", "sites.<guid>"),
        ("pauses.rules.0.sayz", "pauses.rules.0.says"),
        ("ledger.callers.reception", "ledger.callers.<digits>"),
        ("timezone", "sites.<guid>.time_zone"),
    ],
)
def test_name_in_a_file_is_spelt_as_in_a_file(name: str, right: str) -> None:
    assert in_a_file(name) == f"{name}: no such setting. Did you mean {right}?"


@pytest.mark.parametrize(
    ("name", "options"), [("port", "--port"), ("server_port", "--port"), ("host", "--host")]
)
def test_option_of_the_command_is_named_as_one(name: str, options: str) -> None:
    assert in_the_environment(name.upper()).endswith(f"halo-gateway serve {options}.")
    assert in_a_file(name.replace("_", ".")).endswith(f"halo-gateway serve {options}.")


@pytest.mark.parametrize("name", ["nonsense", "server.prot", f"sites.{GUID}.foo", "_", "x" * 9_000])
def test_what_is_like_no_setting_gets_no_advice(name: str) -> None:
    assert in_a_file(name).endswith(": no such setting.")


def test_long_or_unprintable_names_are_cut() -> None:
    assert in_the_environment("X" * 100_000) == f"{PREFIX}{'X' * 107}…: no such setting."
    assert in_a_file("a\x1b[31m\nb") == "a?[31m?b: no such setting."
