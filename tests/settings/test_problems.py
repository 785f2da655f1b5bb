"""Lines for problems of a configuration."""

import re
import tomllib
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.settings import Settings
from gateway.settings.examples import example_of
from gateway.settings.names import SettingName, all_names
from gateway.settings.problems import describe_errors

HOW_TO_MAKE_ONE = (
    "must be at least 32 random bytes in base64 or hexadecimal; make them with: openssl rand -base64 32"
)
HOW_TO_HASH = (
    "must be 64 hexadecimal digits in lower case, the SHA-256 of a credential: docs/apps.md says how to make"
    " them"
)
SHARED_CALLERS = f'{{ front-desk = ["{"0a1b2c3d" * 8}"] }}'
GUID = "0a1b2c3d-0000-4000-8000-00000000000a"


def error_lines(values: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as error:
        Settings.model_validate(values)
    return describe_errors(Settings, error.value.errors(include_input=False))


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"sever": {}}, "sever: no such setting. Did you mean server?"),
        ({"sites": {"harbour": {}}}, "sites.harbour: no such setting. Did you mean sites.<guid>?"),
        (
            {"apps": {"other": {"user_agent": "a"}}},
            "apps.other: other is the name of all requests that are of no app: choose another name",
        ),
        (
            {"apps": {"a": {"user_agent": "Ö*"}}},
            'apps.a.user_agent: has the wrong format; write, for example, "WaitingRoom/*"',
        ),
        (
            {"apps": {"a": {"callers": ["demo-key"]}}},
            f"apps.a.callers.0: {HOW_TO_HASH}",
        ),
        (
            {"ledger": {"currency": "=1+1"}},
            'ledger.currency: has the wrong format; write, for example, "AUD"',
        ),
        ({"log": {"level": "Zzyzx"}}, "log.level: must be 'debug', 'info', 'warning' or 'error'"),
        ({"log": "Zzyzx"}, 'log: must be a table of settings; write, for example, { level = "info" }'),
        (
            {"server": {"trusted_proxies": ["Zzyzx"]}},
            'server.trusted_proxies.0: must be a network; write, for example, "10.0.0.0/8"',
        ),
        (
            {"server": {"trusted_proxies": "Zzyzx"}},
            'server.trusted_proxies: must be a list; write, for example, ["10.0.0.0/8"]',
        ),
        (
            {"server": {"default_site": "Zzyzx"}},
            f'server.default_site: has the wrong format; write, for example, "{GUID}"',
        ),
        (
            {"upstream": {"url": "Zzyzx"}},
            'upstream.url: must be a URL; write, for example, "https://api.haloconnect.io/"',
        ),
        ({"upstream": {"timeouts": {"read": "Zzyzx"}}}, "upstream.timeouts.read: must be a number"),
        ({"upstream": {"timeouts": {"read": -1}}}, "upstream.timeouts.read: must be greater than 0.0"),
        ({"upstream": {"max_body": "Zzyzx"}}, "upstream.max_body: must be a whole number"),
        ({"upstreams": {"hg": {"path": "/hg", "url": "http://x"}}}, "upstreams.hg.dialect: is required"),
        (
            {"admin": {"token": "Zzyzx"}},
            f"admin.token: {HOW_TO_MAKE_ONE}",
        ),
        (
            {"sites": {"default": {"follow_relocation": "Zzyzx"}}},
            "sites.default.follow_relocation: must be true or false",
        ),
        (
            {"sites": {"default": {"last_updated_input": {"zzyzx": "local"}}}},
            "sites.default.last_updated_input.zzyzx: has the wrong format; write, for example, { Pat",
        ),
        ({"upstream": {"ca_file": 3}}, "upstream.ca_file: must be the path of a file, in quotes"),
        ({"upstream": {"max_body": True}}, "upstream.max_body: must be a number"),
        ({"upstream": {"requests_per_second": True}}, "upstream.requests_per_second: must be a number"),
        (
            {"upstream": {"requests_per_second": float("inf")}},
            "upstream.requests_per_second: must be a finite number",
        ),
        (
            {"upstream": {"max_body": "9" * 9_999}},
            "upstream.max_body: must be a whole number of fewer digits",
        ),
        (
            {"sites": {"default": {"cache": {"lifetimes": {"Patient": True}}}}},
            "sites.default.cache.lifetimes.Patient: must be a number",
        ),
        (
            {"ledger": {"callers": {"Zzyzx" * 9: {}}}},
            "ledger.callers.ZzyzxZzy…: no such setting. Did you mean ledger.callers.<digits>?",
        ),
        ({"upstream": {"http://u:Zzyzx@h": 1}}, "upstream.…: no such setting."),
        (
            {"repairs": {"http://u:Zzyzx@h": True}},
            "repairs: no such repair: …; see halo-gateway known-issues",
        ),
        ({"ledger": {"store": "redis"}}, "ledger.store: redis needs cache.redis.url; write, for example, "),
    ],
)
def test_line_names_the_setting_and_a_valid_value(values: dict[str, Any], line: str) -> None:
    lines = error_lines(values)
    assert any(each.startswith(line) for each in lines), lines
    assert len(lines) == len(set(lines))
    assert "Zzyzx" not in str(lines).replace("ZzyzxZzy…", "")


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"upstreams": {"HG": {"path": "x"}}},
            "upstreams.HG: no such setting. Did you mean upstreams.hg?",
        ),
        (
            {"sites": {"harbour": {"time_zone": "x", "a": 1}}},
            "sites.harbour: no such setting. Did you mean sites.<guid>?",
        ),
        (
            {"cache": {"shared_callers": {"Front": ["x"]}}},
            "cache.shared_callers.Front: has the wrong format; write, for example, " + SHARED_CALLERS,
        ),
    ],
)
def test_errors_below_an_invalid_key_are_left_out(values: dict[str, Any], line: str) -> None:
    assert error_lines(values) == [line]


INVALID_VALUES: tuple[Any, ...] = (
    *(3, True, 1.5, [], {}, "Zzyzx", ["Zzyzx"], [["x"]], {"Zzyzx": "Zzyzx"}, None, float("nan"), 10**30, -1),
    *("", "Zzyzx" * 2_000),
)
#: Placeholder of a name -> key.
KEYS = {"<guid>": GUID, "<name>": "a", "<digits>": "0a1b2c3d", "<key>": "Patient"}
FORM = re.compile(r"[\w.<>\-]+: .+; write, for example, (.+)")


def nested(name: SettingName, value: Any) -> dict[str, Any]:
    for segment in reversed(name):
        value = [value] if segment == "[]" else {KEYS.get(segment, segment): value}
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("name", [*all_names(Settings)], ids=".".join)
def test_every_wrong_value_has_a_line_with_an_example(name: SettingName) -> None:
    for value in INVALID_VALUES:
        try:
            Settings.model_validate(nested(name, value))
        except ValidationError as error:
            lines = describe_errors(Settings, error.errors(include_input=False))
            assert lines
            assert not any(
                re.search("[Ii]nput|pydantic|class|instance", line.partition(": ")[2]) for line in lines
            ), lines
            assert all(FORM.fullmatch(line) or "no such setting" in line for line in lines), lines


@pytest.mark.parametrize("name", [*all_names(Settings)], ids=".".join)
def test_example_is_a_valid_value(name: SettingName) -> None:
    keys = tuple("0" if segment == "[]" else KEYS.get(segment, segment) for segment in name)
    example = example_of(Settings, keys)
    if "`" in example or "secret" in example or name[-1] in {"ca_file", "plugins"}:
        return  # nobody may copy a secret from a message; and files and packages differ between machines
    value = tomllib.loads(f"x = {example}")["x"]
    try:
        Settings.model_validate(nested(name, value))
    except ValidationError as error:
        own = [each for each in error.errors() if each["loc"][: len(name)] == keys and each["input"] == value]
        assert own == []


def test_value_of_a_variable_is_named_by_the_variable() -> None:
    variables = {
        ("server", "max_body"): "HALO_GATEWAY_SERVER__MAX_BODY",
        ("log", "level"): "HALO_GATEWAY_LOG",
    }
    with pytest.raises(ValidationError) as error:
        Settings.model_validate({"server": {"max_body": "x"}, "log": {"level": "x"}, "errors": 3})
    lines = describe_errors(Settings, error.value.errors(include_input=False), variables)
    assert sorted(line.partition(": must")[0] for line in lines) == [
        "HALO_GATEWAY_LOG: log.level",
        "HALO_GATEWAY_SERVER__MAX_BODY",
        "errors",
    ]
    assert "write, for example, info" in "".join(lines)


def test_many_unknown_names_are_listed_in_part() -> None:
    lines = error_lines({"log": {"level": "x"}} | {f"bogus{number}": 1 for number in range(5_000)})
    assert (len(lines), lines[-1]) == (22, "and 4980 more unknown names")


def test_unknown_names_at_any_depth_have_a_line() -> None:
    lines = error_lines({"a": 1, "server": {"b": 1}, "sites": {"default": {"c": 1, "search": {"d": 1}}}})
    assert len(lines) == 4
    assert all("no such setting" in line for line in lines)
