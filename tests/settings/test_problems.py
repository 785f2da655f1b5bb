"""What is said of each problem of a configuration."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.settings import Settings
from gateway.settings.problems import problems

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"


def said(values: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as found:
        Settings.model_validate(values)
    return problems(Settings, found.value.errors(include_input=False))


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"sever": {}}, "sever: no such setting. Did you mean server?"),
        ({"sites": {"harbour": {}}}, "sites.harbour: no such setting. Did you mean sites.<guid>?"),
        ({"log": {"level": "Zzyzx"}}, "log.level: must be 'debug', 'info', 'warning' or 'error'"),
        ({"log": "Zzyzx"}, "log: must be a table of settings; in an environment variable it is JSON"),
        (
            {"server": {"trusted_proxies": ["Zzyzx"]}},
            "server.trusted_proxies.0: must be a network, such as 10.0.0.0/8",
        ),
        (
            {"server": {"trusted_proxies": "Zzyzx"}},
            'server.trusted_proxies: must be a list, such as ["…"]; in an environment variable it is JSON',
        ),
        (
            {"server": {"site": "Zzyzx"}},
            f"server.site: is not written as it must be; write for example {GUID}",
        ),
        (
            {"upstream": {"url": "Zzyzx"}},
            "upstream.url: must be a URL, such as https://gateway.example.com.au",
        ),
        ({"upstream": {"timeouts": {"read": "Zzyzx"}}}, "upstream.timeouts.read: must be a number"),
        ({"upstream": {"timeouts": {"read": -1}}}, "upstream.timeouts.read: must be greater than 0.0"),
        ({"upstream": {"max_body": "Zzyzx"}}, "upstream.max_body: must be a whole number"),
        ({"upstreams": {"hg": {"path": "/hg", "url": "http://x"}}}, "upstreams.hg.dialect: is required"),
        ({"admin": {"token": "Zzyzx"}}, "admin.token: must have at least 16 characters"),
        ({"sites": {"default": {"follow": "Zzyzx"}}}, "sites.default.follow: must be true or false"),
        (
            {"sites": {"default": {"last_updated": {"zzyzx": "local"}}}},
            "sites.default.last_updated.zzyzx: is not written as it must be; write for example Patient",
        ),
        ({"ledger": {"store": "redis"}}, "ledger.store redis needs cache.redis.url"),
    ],
)
def test_line_names_the_setting_and_what_is_right(values: dict[str, Any], line: str) -> None:
    lines = said(values)
    assert line in lines
    assert len(lines) == len(set(lines))
    assert "Zzyzx" not in str(lines)


def test_no_line_is_pydantics_own_about_unknown_names() -> None:
    lines = said({"a": 1, "server": {"b": 1}, "sites": {"default": {"c": 1, "search": {"d": 1}}}})
    assert len(lines) == 4
    assert all("no such setting" in line for line in lines)
