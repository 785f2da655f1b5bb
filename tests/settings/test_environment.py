"""Which variables are settings, and which are misspelt ones."""

import pytest

from gateway.settings import Settings
from gateway.settings.environment import PREFIX, is_setting, slips
from gateway.settings.injected import is_injected
from gateway.settings.names import names

GUID = "0A1B2C3D-0000-4000-8000-00000000000A"


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("HALO_GATEWAY_LOG__LEVEL", True),
        ("halo_gateway_log__level", True),
        ("HALO_GATEWAY_SITES", True),
        (f"HALO_GATEWAY_SITES__{GUID}__TIME_ZONE", True),
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
        "HALO_GATEWAY_LGO__LEVEL": "",
        "halo_gateway_log_level": "x",
        "HALO_GATEWAY_PORT": "8080",
        "HALO_GATEWAY_REDIS_PORT": "tcp://10.0.0.1:6379",
        "HALO_GATEWAY_SERVICE_HOST": "10.0.0.1",
        "HALO_GATEWAY_LOG__LEVEL": "debug",
        "PATH": "/usr/bin",
    }
    assert [each.partition(":")[0] for each in slips(Settings, environment)] == [
        "HALO_GATEWAY_LGO__LEVEL",
        "HALO_GATEWAY_PORT",
        "halo_gateway_log_level",
    ]


def test_values_are_never_in_a_message() -> None:
    said = slips(Settings, {"HALO_GATEWAY_PAGE__KEYS": "Zzyzx", "HALO_GATEWAY_ADMIN_TOKEN": "Zzyzx"})
    assert len(said) == 2
    assert "Zzyzx" not in str(said)


def test_no_setting_is_named_like_a_variable_of_a_platform() -> None:
    for name in names(Settings):
        assert not is_injected(PREFIX + "__".join(name).upper(), "x")
