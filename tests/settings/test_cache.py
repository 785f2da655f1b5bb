"""Settings of the cache."""

import pytest
from pydantic import ValidationError
from support.secrets import SECRET

from gateway.settings import Cache


def test_redis_without_keys_is_rejected() -> None:
    with pytest.raises(ValidationError, match=r"cache\.keys"):
        Cache.model_validate({"redis": {"url": "redis://127.0.0.1:1"}})
    assert Cache.model_validate({"redis": {"url": "redis://127.0.0.1:1"}, "keys": [SECRET]}).redis.url


def test_invalid_redis_url_is_rejected() -> None:
    with pytest.raises(ValidationError, match="must be a Redis URL"):
        Cache.model_validate({"redis": {"url": "redis://:a/b@h:6379"}, "keys": [SECRET]})


def test_secrets_are_not_in_the_representation() -> None:
    text = repr(Cache.model_validate({"redis": {"url": "redis://:pass@h"}, "keys": [SECRET]}))
    assert "pass" not in text
    assert "synthetic" not in text
