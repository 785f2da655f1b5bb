import pytest
from pydantic import ValidationError

from gateway.settings import Cache


def test_a_shared_store_needs_keys() -> None:
    with pytest.raises(ValidationError, match=r"cache\.keys"):
        Cache.model_validate({"redis": {"url": "redis://127.0.0.1:1"}})
    assert Cache.model_validate({"redis": {"url": "redis://127.0.0.1:1"}, "keys": ["k"]}).redis.url


def test_url_that_no_redis_client_reads_is_refused() -> None:
    with pytest.raises(ValidationError, match="not a URL that Redis clients read"):
        Cache.model_validate({"redis": {"url": "redis://:a/b@h:6379"}, "keys": ["k"]})


def test_secrets_are_not_shown() -> None:
    shown = repr(Cache.model_validate({"redis": {"url": "redis://:pass@h"}, "keys": ["synthetic"]}))
    assert "pass" not in shown
    assert "synthetic" not in shown
