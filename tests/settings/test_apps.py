"""Settings of apps and of the budget webhook."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.settings import Settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"apps": {"board": {}}}, "needs callers, user_agent or networks"),
        ({"apps": {"other": {"user_agent": "a"}}}, "choose another name"),
        ({"apps": {"board": {"user_agent": "a", "callers": ["abc"]}}}, "pattern"),
        ({"budget_webhook": {"url": "https://example.org/"}}, "needs both url and secret"),
        ({"ledger": {"price_per_query": -1}}, "greater than or equal"),
        ({"ledger": {"currency": "dollars"}}, "pattern"),
    ],
)
def test_wrong_setting_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate(settings)
