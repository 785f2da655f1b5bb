"""Settings of a mounted upstream: the limits that its vendor documents, unless the operator sets others."""

from typing import Any

import pytest

from gateway.settings import MountedUpstream, Settings
from gateway.upstreams.limits import RateWindow


def mount(dialect: str, **values: Any) -> MountedUpstream:
    return MountedUpstream.model_validate(
        {"url": "https://upstream.example", "dialect": dialect, "path": "/up", **values}
    )


@pytest.mark.parametrize(
    ("dialect", "read", "total"),
    [("health-gorilla", 65, 70), ("halo-itsm", 125, 130), ("halo-connect", 35, 60)],
)
def test_timeouts_are_those_of_the_dialect(dialect: str, read: float, total: float) -> None:
    timeouts = mount(dialect).timeouts
    assert (timeouts.read, timeouts.total, timeouts.connect) == (read, total, 5)
    assert mount(dialect, timeouts={"read": 9}).timeouts.read == 9
    assert mount(dialect, timeouts={"read": 9}).timeouts.total == total


def test_limit_of_a_body_is_that_of_the_dialect() -> None:
    assert mount("halo-itsm").request_body_limit == 20_000_000
    assert mount("halo-itsm", max_request_body=1_000).request_body_limit == 1_000


def test_rates_are_those_of_the_dialect() -> None:
    assert mount("halo-itsm").rate_windows == (RateWindow(300, 300), RateWindow(500, 180))
    own = [{"requests": 5, "seconds": 2}]
    assert mount("halo-itsm", rate_limits=own).rate_windows == (RateWindow(5, 2),)
    assert mount("halo-itsm", rate_limits=[]).rate_windows == ()


def test_body_of_a_mount_needs_room() -> None:
    values = {"url": "https://upstream.example", "dialect": "halo-itsm", "path": "/up"}
    with pytest.raises(ValueError, match=r"three times upstreams\.itsm\.max_request_body"):
        Settings.model_validate({"upstreams": {"itsm": {**values, "max_request_body": 22_000_000}}})


@pytest.mark.parametrize("values", [{"dialect": 3}, {"dialect": ["x"]}, {"timeouts": 3}, {"timeouts": {}}])
def test_other_types_are_refused_by_name(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"dialect|timeouts|path"):
        MountedUpstream.model_validate({"url": "https://upstream.example", "dialect": "halo-itsm", **values})


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"cache": {"profile": "cautious"}}, "cache: has no effect on the dialect halo-itsm"),
        ({"fhir_version": "3.0"}, "fhir_version: has no effect"),
        ({"packs": ["epic"]}, "packs: on the dialect halo-itsm"),
        ({"timeouts": {"read": 500}}, "timeouts.read must be at most timeouts.total"),
        ({"timeouts": {"read": 500, "total": 10}}, "timeouts.read must be at most timeouts.total"),
    ],
)
def test_setting_without_effect_is_refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        mount("halo-itsm", **values)


def test_short_total_shortens_default_of_read() -> None:
    assert mount("halo-itsm", timeouts={"total": 10}).timeouts.read == 10
    assert mount("halo-itsm", cache={"profile": "off"}, fhir_version="4.0").path == "/up"
