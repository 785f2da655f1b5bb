"""Settings of pause rules."""

import pytest
from pydantic import ValidationError

from gateway.settings import Pauses


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"message_pattern": "("},
        {"message_pattern": "a{99999999999999999999}"},
        {"message_pattern": "(" * 9_999},
    ],
)
def test_rule_without_a_valid_condition_is_rejected(rule: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Pauses.model_validate({"rules": [{"id": "away", "seconds": 60, "scope": "site"} | rule]})


def test_rule_with_only_a_code_is_valid() -> None:
    rule = {"id": "away", "seconds": 60, "scope": "site", "code": "practice-offline"}
    assert Pauses.model_validate({"rules": [rule]}).rules[0].code == "practice-offline"
