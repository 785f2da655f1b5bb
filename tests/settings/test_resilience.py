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
        {"message_pattern": "(a+)+$"},
        {"message_pattern": "x?"},
        {"code": "practice-ofline"},
        {"code": "practice-offline", "seconds": 86_401},
        {"code": "practice-offline", "seconds": 0},
        {"code": "practice-offline", "id": "a\nb"},
        {"code": "practice-offline", "id": "a" * 41},
    ],
)
def test_rule_that_makes_no_sense_is_rejected(rule: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Pauses.model_validate({"rules": [{"id": "away", "seconds": 60, "scope": "site"} | rule]})


def test_two_rules_with_the_same_id_are_rejected() -> None:
    rules = [{"id": "away", "seconds": 60, "scope": "site", "message_pattern": text} for text in "xy"]
    with pytest.raises(ValidationError, match="same id"):
        Pauses.model_validate({"rules": rules})


def test_rule_with_only_a_code_is_valid() -> None:
    rule = {"id": "away", "seconds": 60, "scope": "site", "code": "practice-offline"}
    assert Pauses.model_validate({"rules": [rule]}).rules[0].code == "practice-offline"
