"""Budgets and prices from the settings."""

from decimal import Decimal
from typing import Any

import pytest
from support.requests import GUID, NOW, SITE

from gateway.app_builders import app_usage_of, prices_of
from gateway.ledger.cost import Attribution, CostClass
from gateway.ledger.prices import Prices
from gateway.settings import Settings


@pytest.mark.parametrize(
    ("ledger", "prices"),
    [
        ({}, Prices(None, None, "AUD")),
        (
            {"price_per_query": 0.1, "price_per_megabyte": 2, "currency": "NZD"},
            Prices(Decimal("0.1"), Decimal("2.0"), "NZD"),
        ),
    ],
)
def test_prices_have_the_digits_of_the_configuration(ledger: dict[str, Any], prices: Prices) -> None:
    assert prices_of(Settings.model_validate({"ledger": ledger})) == prices


@pytest.mark.parametrize(
    ("options", "is_refused"),
    [
        ({"hard": True}, True),
        ({}, False),
        ({"purpose": "clinical"}, False),
        ({"hard": True, "hard_for_clinical": True, "purpose": "clinical"}, True),
    ],
)
def test_clinical_app_is_refused_only_by_name(options: dict[str, Any], *, is_refused: bool) -> None:
    purpose = options.pop("purpose", "interactive")
    app = {"callers": ["0" * 64], "purpose": purpose, "budget": {"queries_per_day": 1, **options}}
    usage = app_usage_of(Settings.model_validate({"apps": {"board": app}}))
    attribution = Attribution(GUID, "harbour", SITE.zone, "c0ffee00", "Slot", "search-type", app="board")
    usage.add(attribution, CostClass.BILLED, 1, NOW)
    assert (usage.used_budget(attribution, NOW) is not None) is is_refused


@pytest.mark.parametrize(
    ("sites", "day"),
    [({}, "2026-06-30"), ({"default": {"time_zone": "Australia/Sydney"}}, "2026-07-01")],
)
def test_day_of_reports_is_that_of_the_practices(sites: dict[str, Any], day: str) -> None:
    apps = {"board": {"user_agent": "Board/*", "budget": {"queries_per_day": 1}}}
    usage = app_usage_of(Settings.model_validate({"apps": apps, "sites": sites}))
    evening = NOW.replace(year=2026, month=6, day=30, hour=20)
    assert [status.key.period for status in usage.statuses(evening)] == [day]


def test_app_without_limits_has_no_budget() -> None:
    assert not app_usage_of(Settings.model_validate({"apps": {"board": {"user_agent": "B"}}})).has_budgets
