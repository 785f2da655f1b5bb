"""Cautions about settings."""

from typing import Any

import pytest
from support.secrets import SECRET

from gateway.settings import Settings
from gateway.settings.cautions import find_cautions

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"
PERTH = {"time_zone": "Australia/Perth", "search": {"verified_by": "probe 2026-11-28, engine 3.1"}}
UNPROBED = {"time_zone": "Australia/Perth"}
REDIS = {"redis": {"url": "redis://127.0.0.1:1"}, "keys": [SECRET]}
KEYS = {"keys": [SECRET]}
MOUNT = {"url": "http://127.0.0.1:1", "path": "/mounted"}
ZONE = "sites.<guid>.time_zone"
HOOKED = {"webhooks": {"invalidates": {"*": ["Appointment"]}}}


@pytest.mark.parametrize(
    ("values", "settings"),
    [
        ({}, ["paging.keys", ZONE]),
        ({"paging": KEYS}, [ZONE]),
        ({"paging": KEYS, "sites": {"default": {"name": "a"}, GUID: {"name": "b"}}}, [ZONE]),
        ({"paging": KEYS, "upstreams": {"halo": {**MOUNT, "dialect": "halo-connect"}}}, [ZONE]),
        ({"paging": KEYS, "upstreams": {"lab": {**MOUNT, "dialect": "fhir"}}}, []),
        ({"paging": KEYS, "upstreams": {"itsm": {**MOUNT, "dialect": "halo-itsm"}}}, []),
        ({"paging": KEYS, "sites": {GUID: PERTH}}, []),
        ({"paging": KEYS, "sites": {"default": {"last_updated_output": "site"}, GUID: PERTH}}, []),
        ({"paging": KEYS, "sites": {"default": PERTH}}, ["sites.default.time_zone"]),
        ({"paging": KEYS, "sites": {"default": PERTH, GUID: PERTH}}, ["sites.default.time_zone"]),
        ({"paging": KEYS, "sites": {GUID: UNPROBED}}, ["sites.<guid>.search.verified_by"]),
        ({"paging": KEYS, "sites": {"default": {"search": PERTH["search"]}, GUID: UNPROBED}}, []),
        ({"paging": KEYS, "cache": REDIS, "sites": {GUID: PERTH}}, []),
        ({"paging": KEYS, "cache": REDIS, "ledger": {"path": "x"}, "sites": {GUID: PERTH}}, ["ledger.store"]),
        (
            {
                "paging": KEYS,
                "cache": REDIS,
                "ledger": {"path": "x", "store": "file"},
                "sites": {GUID: PERTH},
            },
            [],
        ),
        ({"sites": {"default": PERTH}}, ["sites.default.time_zone", "paging.keys"]),
        (
            {"paging": KEYS, "sites": {"default": HOOKED | PERTH}},
            ["sites.default.time_zone", "webhooks.secrets"],
        ),
        ({"paging": KEYS, "sites": {GUID: HOOKED | PERTH}, "webhooks": {"secrets": [SECRET]}}, []),
    ],
)
def test_cautions_follow_from_the_settings(values: dict[str, Any], settings: list[str]) -> None:
    assert [caution.setting for caution in find_cautions(Settings.model_validate(values))] == settings


def test_workers_without_a_shared_ledger_count_budgets_alone() -> None:
    settings = Settings.model_validate({"server": {"workers": 2}, "paging": KEYS})
    caution = next(each for each in find_cautions(settings) if each.setting == "ledger.path")
    assert "the budgets of apps apply to each alone" in caution.text


def test_default_time_zone_caution_names_risk_and_remedy() -> None:
    caution, *_ = find_cautions(Settings.model_validate({"sites": {"default": PERTH}}))
    assert "dates are shifted" in caution.text
    assert "sites.<guid>.time_zone" in caution.text
    assert caution.component == "sites"
