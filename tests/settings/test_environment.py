"""Which variables are settings, and which are misspelt ones."""

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
#: As a shell can export it.
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
        ("HALO_GATEWAY_SITES__X_SERVICE_HOST", False),
        ("HALO_GATEWAY_SERVER_PORT", False),
        ("HALO_GATEWAY_LOG_LEVEL", False),
        ("HALO_GATEWAY_", False),
        ("LOG__LEVEL", False),
        ("XHALO_GATEWAY_LOG__LEVEL", False),
    ],
)
def test_variable_is_a_setting_by_its_name(variable: str, *, expected: bool) -> None:
    assert is_setting(Settings, variable) is expected


def test_slips_are_those_of_a_person_and_each_is_named() -> None:
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
    assert [each.partition(":")[0] for each in describe_unknown_variables(Settings, environment)] == [
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
def test_underscore_stands_for_a_hyphen_in_guid_and_repair(variable: str, name: str) -> None:
    assert ".".join(setting_name(variable)) == name


def test_setting_has_its_variables_but_for_empty_ones() -> None:
    environment = {SITE: "Zzyzx", SITE.title(): "", "HALO_GATEWAY_LOGG": "x", "PATH": "x"}
    assert variables_by_setting(Settings, environment) == {("sites", GUID.lower(), "time_zone"): [SITE]}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SITE, SITE.replace("A", "a")),
        (SITE, SITE.replace("-", "_")),
        ("HALO_GATEWAY_UPSTREAM__URL", "Halo_Gateway_Upstream__Url"),
        ("HALO_GATEWAY_REPAIRS__LINK-BASE-URL", "HALO_GATEWAY_REPAIRS__LINK_BASE_URL"),
    ],
)
def test_setting_given_by_two_variables_is_refused(one: str, other: str) -> None:
    first, second = sorted((one, other))
    assert describe_duplicates(Settings, {one: "Zzyzx", other: "Zzyzx"}) == [
        f"given twice: {first} and {second}"
    ]
    assert describe_duplicates(Settings, {one: "Zzyzx", other: ""}) == []


@pytest.mark.parametrize(
    ("one", "other"),
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
def test_setting_given_by_json_and_by_name_is_refused(one: dict[str, str], other: dict[str, str]) -> None:
    assert describe_duplicates(Settings, one | other) == [f"given twice: {min(one)} and {min(other)}"]


def test_json_and_variables_may_share_a_section() -> None:
    environment = {
        "HALO_GATEWAY_SITES": f'{{"{GUID}": {{"name": "x", "caps": {{}}}},'
        ' "default": {"follow_relocation": true}}',
        SITE: "Australia/Perth",
        "HALO_GATEWAY_SITES__DEFAULT__NAME": "{}",
    }
    assert describe_duplicates(Settings, environment) == []


@pytest.mark.parametrize(
    ("value", "twice"),
    [
        ('{"url": "Zzyzx", "url": "y"}', True),
        ('{"timeouts": {"read": 1, "read": 1}}', True),
        ('{"url": "Zzyzx", "Url": "y"}', False),
        ('{"url": "Zzyzx"}', False),
        ('{"url": ', False),
        ("[" * 100_000, False),
    ],
)
def test_key_given_twice_in_a_value_is_refused(value: str, *, twice: bool) -> None:
    found = describe_duplicates(Settings, {"HALO_GATEWAY_UPSTREAM": value})
    assert found == ["HALO_GATEWAY_UPSTREAM: gives a key twice"] * twice


@pytest.mark.parametrize("right", ["HALO_GATEWAY_CONFIG", "HALO_GATEWAY_PROBE_KEY"])
def test_variable_of_a_command_counts_in_capitals_only(right: str) -> None:
    assert describe_unknown_variables(Settings, {right: "x"}) == []
    assert [
        each.partition(":")[0] for each in describe_unknown_variables(Settings, {right.lower(): "x"})
    ] == [right.lower()]


def test_of_many_slips_only_the_first_get_a_line() -> None:
    found = describe_unknown_variables(
        Settings, {f"HALO_GATEWAY_BOGUS_{number}": "x" for number in range(5_000)}
    )
    assert (len(found), found[-1]) == (21, "and 4980 more variables that no setting has")


def test_values_are_never_in_a_message() -> None:
    said = describe_unknown_variables(
        Settings, {"HALO_GATEWAY_PAGE__KEYS": "Zzyzx", "HALO_GATEWAY_ADMIN_TOKEN": "Zzyzx"}
    )
    assert len(said) == 2
    assert "Zzyzx" not in str(said)


def test_no_setting_is_named_like_a_variable_of_a_platform() -> None:
    for name in all_names(Settings):
        assert not is_injected(PREFIX + "__".join(name).upper(), "x")
