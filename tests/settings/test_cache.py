"""Settings of the cache."""

import pytest
from pydantic import ValidationError
from support.secrets import SECRET

from gateway.settings import Cache, Ledger


def test_redis_without_keys_is_rejected() -> None:
    with pytest.raises(ValidationError, match=r"cache\.keys"):
        Cache.model_validate({"redis": {"url": "redis://127.0.0.1:1"}})
    assert Cache.model_validate({"redis": {"url": "redis://127.0.0.1:1"}, "keys": [SECRET]}).redis.url


def test_invalid_redis_url_is_rejected() -> None:
    with pytest.raises(ValidationError, match="must be a Redis URL"):
        Cache.model_validate({"redis": {"url": "redis://:a/b@h:6379"}, "keys": [SECRET]})


@pytest.mark.parametrize(
    "value", ["private, no-cache", "no-store", "private,max-age=5", "Private, max-age=0, must-revalidate"]
)
def test_private_cache_control_is_valid(value: str) -> None:
    assert Cache(client_cache_control=value).client_cache_control == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "no-cache",
        "public",
        "private, public",
        "private, S-MaxAge=60",
        'private="set-cookie"',
        "private=x",
        "private\r\nX-Injected: 1",
        "private\n",
        "private\x00",
        "private; no-cache",
        "private,, no-cache",
        "privaté",
    ],
)
def test_other_cache_control_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="private or no-store"):
        Cache(client_cache_control=value)


@pytest.mark.parametrize("groups", [{"a": ["0a" * 32], "b": ["0a" * 32]}, {"a": ["0a" * 32, "0a" * 32]}])
def test_caller_in_two_groups_is_refused(groups: dict[str, list[str]]) -> None:
    with pytest.raises(ValidationError, match="two groups"):
        Cache.model_validate({"shared_callers": groups})


@pytest.mark.parametrize("path", ["", "/", "a\x00b", "a\nb", ":memory:"])
def test_path_that_no_file_can_have_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="path of a file"):
        Ledger.model_validate({"path": path})


@pytest.mark.parametrize(
    "path", ["missing/ledger.sqlite3", "/missing/a/b", "a" * 300 + "/b", __file__ + "/b"]
)
def test_ledger_in_a_folder_that_does_not_exist_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="folder that exists"):
        Ledger.model_validate({"path": path})


def test_secrets_are_not_in_the_representation() -> None:
    text = repr(Cache.model_validate({"redis": {"url": "redis://:pass@h"}, "keys": [SECRET]}))
    assert "pass" not in text
    assert "synthetic" not in text
