"""Settings of apps and of the budget webhook."""

from typing import Any

import pytest
from pydantic import ValidationError
from support.secrets import SECRET

from gateway.settings import Settings

URL = "https://alerts.example/"
HARD = {"queries_per_day": 1, "hard": True}
MONTHLY = {"bytes_per_month": 1}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"apps": {"board": {}}}, "needs callers, user_agent or networks"),
        ({"apps": {"other": {"user_agent": "a"}}}, "choose another name"),
        ({"apps": {"board": {"user_agent": "a", "callers": ["abc"]}}}, "64 hexadecimal digits in lower"),
        ({"apps": {"board": {"callers": ["A" * 64]}}}, "64 hexadecimal digits in lower"),
        ({"apps": {"a": {"user_agent": "a", "freshness": {"Appointmnt": 1}}}}, "no such resource type"),
        ({"apps": {"a": {"networks": ["0.0.0.0/0"]}}}, "your own proxies or clients"),
        (
            {"apps": {"a": {"user_agent": "a", "freshness": {"Slot": 6}, "purpose": "display"}}},
            "at most 5 sec",
        ),
        (
            {"apps": {"a": {"user_agent": "a", "freshness": {"Observation": 1}}}},
            "never older than its lifetime",
        ),
        ({"apps": {"a": {"user_agent": "a", "freshness": {"*": 1}}}}, "never older than its lifetime"),
        (
            {"apps": {"a": {"user_agent": "a", "freshness": {"Appointment": 9}, "purpose": "booking"}}},
            "no effect with purpose booking",
        ),
        ({"apps": {"a": {"user_agent": "a", "budget": HARD}}}, "budget.hard needs callers"),
        (
            {"apps": {"a": {"callers": ["0" * 64], "purpose": "clinical", "budget": HARD}}},
            "needs budget.hard_for_clinical",
        ),
        ({"apps": {"a": {"user_agent": "a", "budget": {"hard": True}}}}, "no effect without a limit"),
        (
            {"apps": {"a": {"user_agent": "a", "budget": {"bytes_per_day": 1, "hard_for_clinical": True}}}},
            "no effect without hard",
        ),
        (
            {"apps": {"a": {"user_agent": "a", "budget": MONTHLY}}, "ledger": {"retention_days": 31}},
            r"retention_days: must be at least 32, .* monthly budget of apps\.a ",
        ),
        ({"apps": {"a": {"networks": ["2001:db8::/96"]}}}, "at most /64"),
        ({"budget_webhook": {"url": "https://example.org/"}}, "needs both url and secret"),
        ({"budget_webhook": {"url": URL, "secret": SECRET}}, "must be whsec_ and 24 to 64 random bytes"),
        ({"budget_webhook": {"url": URL, "secret": "whsec_YWJj"}}, "24 to 64 random bytes"),
        ({"budget_webhook": {"url": URL, "secret": f"whsec_{'QUJD' * 22}"}}, "24 to 64 random bytes"),
        ({"budget_webhook": {"url": URL, "secret": f"whsec_{'A' * 43}!"}}, "24 to 64 random bytes"),
        ({"budget_webhook": {"url": URL, "secret": f"whsec_{'QUFB' * 10}"}}, "can be guessed"),
        ({"ledger": {"price_per_query": -1}}, "greater than or equal"),
        ({"ledger": {"currency": "dollars"}}, "pattern"),
        ({"ledger": {"callers": {"c0ffee00": {"name": "-1"}}}}, "pattern"),
    ],
)
def test_wrong_setting_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate(settings)


def test_accepted_ages_within_the_ceilings_are_permitted() -> None:
    ages = {"Appointment": 30, "Schedule": 12, "Slot": 5}
    budget = {**HARD, "hard_for_clinical": True}
    apps = {
        "board": {"user_agent": "a", "purpose": "display", "freshness": ages},
        "ward": {"callers": ["0" * 64], "purpose": "clinical", "budget": budget},
    }
    assert Settings.model_validate({"apps": apps}).apps["board"].freshness == ages


@pytest.mark.parametrize(("budget", "days"), [(MONTHLY, 32), (HARD, 1), ({}, 1)])
def test_retention_covers_the_period_of_a_budget(budget: dict[str, Any], days: int) -> None:
    apps = {"a": {"callers": ["0" * 64], "budget": budget}}
    settings = Settings.model_validate({"apps": apps, "ledger": {"retention_days": days}})
    assert settings.ledger.retention_days == days


def test_secret_of_standard_webhooks_is_accepted() -> None:
    text = f"whsec_{SECRET}"
    settings = Settings.model_validate({"budget_webhook": {"url": URL, "secret": f"{text}\n"}})
    assert settings.budget_webhook.secret is not None
    assert settings.budget_webhook.secret.get_secret_value() == text
