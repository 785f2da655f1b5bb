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
def test_a_rule_that_fits_nothing_or_cannot_be_read_is_refused(rule: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Pauses.model_validate({"rules": [{"id": "away", "seconds": 60, "scope": "site"} | rule]})


def test_a_rule_needs_words_or_a_code() -> None:
    rule = {"id": "away", "seconds": 60, "scope": "site", "code": "practice-offline"}
    assert Pauses.model_validate({"rules": [rule]}).rules[0].code == "practice-offline"
