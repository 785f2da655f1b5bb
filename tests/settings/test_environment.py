"""Settings from environment variables."""

import pytest

from gateway.settings import Settings
from gateway.settings.environment import (
    PREFIX,
    describe_duplicates,
    describe_unknown_variables,
    is_setting,
    setting_name,
    variables_by_setting,
)
from gateway.settings.injected import is_injected
from gateway.settings.names import all_names

GUID = "0A1B2C3D-0000-4000-8000-00000000000A"
#: The GUID in a form that a shell can export.
SHELL = GUID.replace("-", "_")
SITE = f"HALO_GATEWAY_SITES__{GUID}__TIME_ZONE"


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("HALO_GATEWAY_LOG__LEVEL", True),
        ("halo_gateway_log__level", True),
        ("HALO_GATEWAY_SITES", True),
        (f"HALO_GATEWAY_SITES__{GUID}__TIME_ZONE", True),
        (f"HALO_GATEWAY_SITES__{SHELL}__TIME_ZONE", True),
        (f"HALO_GATEWAY_SITES__{SHELL}_0__TIME_ZONE", False),
        (f"HALO_GATEWAY_SITES__{SHELL}__REPAIRS__LINK_BASE_URL", True),
        ("HALO_GATEWAY_REPAIRS__LINK_BASE_URL", True),
        ("HALO_GATEWAY_APPS__WAITING_ROOM__PURPOSE", True),
        ("HALO_GATEWAY_UPSTREAMS__HEALTH_GORILLA__PATH", True),
        ("HALO_GATEWAY_SITES__X_SERVICE_HOST", False),
        ("HALO_GATEWAY_SERVER_PORT", False),
        ("HALO_GATEWAY_LOG_LEVEL", False),
        ("HALO_GATEWAY_", False),
        ("LOG__LEVEL", False),
        ("XHALO_GATEWAY_LOG__LEVEL", False),
    ],
)
def test_variable_with_the_name_of_a_setting_is_one(variable: str, *, expected: bool) -> None:
    assert is_setting(Settings, variable) is expected


def test_unknown_variables_are_listed_without_those_of_platforms() -> None:
    environment = {
        "HALO_GATEWAY_LGO__LEVEL": "x",
        "HALO_GATEWAY_LGO": "",
        "halo_gateway_log_level": "x",
        "HALO_GATEWAY_PORT": "8080",
        "HALO_GATEWAY_REDIS_PORT": "tcp://10.0.0.1:6379",
        "HALO_GATEWAY_SERVICE_HOST": "10.0.0.1",
        "HALO_GATEWAY_LOG__LEVEL": "debug",
        "PATH": "/usr/bin",
    }
    assert [line.partition(":")[0] for line in describe_unknown_variables(Settings, environment)] == [
        "HALO_GATEWAY_LGO__LEVEL",
        "HALO_GATEWAY_PORT",
        "halo_gateway_log_level",
    ]


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        (f"HALO_GATEWAY_SITES__{SHELL}__TIME_ZONE", f"sites.{GUID.lower()}.time_zone"),
        (f"halo_gateway_sites__{GUID}__time_zone", f"sites.{GUID.lower()}.time_zone"),
        ("HALO_GATEWAY_REPAIRS__LINK_BASE_URL", "repairs.link-base-url"),
        ("HALO_GATEWAY_REPAIRS__LINK-BASE-URL", "repairs.link-base-url"),
        ("HALO_GATEWAY_REPAIRS__LINK_BASE", "repairs.link_base"),
        ("HALO_GATEWAY_LINK_BASE_URL", "link_base_url"),
        ("HALO_GATEWAY_SERVER__PUBLIC_URL", "server.public_url"),
    ],
)
def test_underscore_replaces_a_hyphen_in_guid_and_repair(variable: str, name: str) -> None:
    assert ".".join(setting_name(variable)) == name


def test_empty_variable_sets_nothing() -> None:
    environment = {SITE: "Zzyzx", SITE.title(): "", "HALO_GATEWAY_LOGG": "x", "PATH": "x"}
    assert variables_by_setting(Settings, environment) == {("sites", GUID.lower(), "time_zone"): [SITE]}


@pytest.mark.parametrize(
    ("variable", "duplicate"),
    [
        (SITE, SITE.replace("A", "a")),
        (SITE, SITE.replace("-", "_")),
        ("HALO_GATEWAY_UPSTREAM__URL", "Halo_Gateway_Upstream__Url"),
        ("HALO_GATEWAY_REPAIRS__LINK-BASE-URL", "HALO_GATEWAY_REPAIRS__LINK_BASE_URL"),
    ],
)
def test_setting_set_by_two_variables_is_rejected(variable: str, duplicate: str) -> None:
    first, second = sorted((variable, duplicate))
    assert describe_duplicates(Settings, {variable: "Zzyzx", duplicate: "Zzyzx"}) == [
        f"{first} and {second}: set the same setting, remove all but one"
    ]
    assert describe_duplicates(Settings, {variable: "Zzyzx", duplicate: ""}) == []


@pytest.mark.parametrize(
    ("variable", "duplicate"),
    [
        ({"HALO_GATEWAY_LOG": '{"level": "Zzyzx"}'}, {"HALO_GATEWAY_LOG__LEVEL": "Zzyzx"}),
        ({"HALO_GATEWAY_SITES": f'{{"{GUID}": {{"time_zone": "Zzyzx"}}}}'}, {SITE: "Zzyzx"}),
        ({"HALO_GATEWAY_SITES": f'{{"{GUID}": {{"time_zone": "Zzyzx"}}}}'}, {SITE.replace("-", "_"): "y"}),
        (
            {"HALO_GATEWAY_UPSTREAM": '{"timeouts": {"read": 1}}'},
            {"HALO_GATEWAY_UPSTREAM__TIMEOUTS": '{"idle": 2, "read": 2}'},
        ),
    ],
)
def test_setting_set_by_json_and_by_name_is_rejected(
    variable: dict[str, str], duplicate: dict[str, str]
) -> None:
    assert describe_duplicates(Settings, variable | duplicate) == [
        f"{min(variable)} and {min(duplicate)}: set the same setting, remove all but one"
    ]


def test_json_and_variables_in_one_section_are_valid() -> None:
    environment = {
        "HALO_GATEWAY_SITES": f'{{"{GUID}": {{"name": "x", "caps": {{}}}}, "default": {{"pms_id": "1"}}}}',
        SITE: "Australia/Perth",
        "HALO_GATEWAY_SITES__DEFAULT__NAME": "{}",
    }
    assert describe_duplicates(Settings, environment) == []


@pytest.mark.parametrize(
    ("value", "has_duplicate"),
    [
        ('{"url": "Zzyzx", "url": "y"}', True),
        ('{"timeouts": {"read": 1, "read": 1}}', True),
        ('{"url": "Zzyzx", "Url": "y"}', False),
        ('{"url": "Zzyzx"}', False),
        ('{"url": ', False),
        ("[" * 100_000, False),
    ],
)
def test_duplicate_key_in_json_is_rejected(value: str, *, has_duplicate: bool) -> None:
    lines = describe_duplicates(Settings, {"HALO_GATEWAY_UPSTREAM": value})
    assert lines == ["HALO_GATEWAY_UPSTREAM: contains a key twice"] * has_duplicate


@pytest.mark.parametrize("variable", ["HALO_GATEWAY_CONFIG", "HALO_GATEWAY_PROBE_KEY"])
def test_variable_of_a_command_in_lower_case_is_unknown(variable: str) -> None:
    assert describe_unknown_variables(Settings, {variable: "x"}) == []
    (line,) = describe_unknown_variables(Settings, {variable.lower(): "x"})
    assert line.partition(":")[0] == variable.lower()


def test_many_unknown_variables_are_listed_in_part() -> None:
    lines = describe_unknown_variables(
        Settings, {f"HALO_GATEWAY_BOGUS_{number}": "x" for number in range(5_000)}
    )
    assert (len(lines), lines[-1]) == (21, "and 4980 more unknown variables")


def test_message_contains_no_value() -> None:
    lines = describe_unknown_variables(
        Settings, {"HALO_GATEWAY_PAGE__KEYS": "Zzyzx", "HALO_GATEWAY_ADMIN_TOKEN": "Zzyzx"}
    )
    assert len(lines) == 2
    assert "Zzyzx" not in str(lines)


def test_no_setting_has_the_name_of_a_platform_variable() -> None:
    for name in all_names(Settings):
        assert not is_injected(PREFIX + "__".join(name).upper(), "x")
