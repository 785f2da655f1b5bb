import pytest
from pydantic import ValidationError

from gateway.settings import Admin, Cache, Pauses


def test_a_shared_store_needs_keys() -> None:
    with pytest.raises(ValidationError, match=r"cache\.keys"):
        Cache.model_validate({"redis": {"url": "redis://127.0.0.1:1"}})
    assert Cache.model_validate({"redis": {"url": "redis://127.0.0.1:1"}, "keys": ["k"]}).redis.url


def test_secrets_are_not_shown() -> None:
    shown = repr(Cache.model_validate({"redis": {"url": "redis://:pass@h"}, "keys": ["synthetic"]}))
    assert "pass" not in shown
    assert "synthetic" not in shown


@pytest.mark.parametrize("rule", [{}, {"says": "("}])
def test_a_rule_that_fits_nothing_or_cannot_be_read_is_refused(rule: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Pauses.model_validate({"rules": [{"id": "away", "seconds": 60, "scope": "site"} | rule]})


def test_a_rule_needs_words_or_a_code() -> None:
    rule = {"id": "away", "seconds": 60, "scope": "site", "code": "practice-offline"}
    assert Pauses.model_validate({"rules": [rule]}).rules[0].code == "practice-offline"


@pytest.mark.parametrize("listen", ["127.0.0.1:9090", "[::1]:0", "operators.example:65535"])
def test_operators_have_a_host_and_a_port(listen: str) -> None:
    assert Admin(listen=listen).listen == listen


@pytest.mark.parametrize("listen", ["", "9090", ":9090", "127.0.0.1", "127.0.0.1:65536", "http://a:1"])
def test_anything_else_is_no_address(listen: str) -> None:
    with pytest.raises(ValidationError):
        Admin(listen=listen)
