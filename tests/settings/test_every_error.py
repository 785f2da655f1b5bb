"""All errors of a configuration at once."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from support.secrets import SECRET

from gateway.settings import ConfigurationError, Settings, load
from gateway.settings.every_error import every_error

RULE = {"id": "a", "message_pattern": "x", "scope": "site", "seconds": 1}
MIXED = """
[log]
level = "loud"
[cache.redis]
url = "redis://localhost"
[ledger]
store = "redis"
retention_days = 3
[server]
max_total_body = 10
[apps.board]
purpose = "display"
[apps.wall]
user_agent = "Wall/*"
budget.queries_per_month = 10
"""


def lines_of(text: str, folder: Path) -> list[str]:
    file = folder / "gateway.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as error:
        load(file)
    return str(error.value).splitlines()


def test_faults_of_one_setting_and_of_several_are_told_together(tmp_path: Path) -> None:
    settings = {line.partition(":")[0] for line in lines_of(MIXED, tmp_path)}
    assert settings == {"log.level", "cache", "apps.board", "server.max_total_body", "ledger.retention_days"}


def test_setting_that_is_wrong_does_not_seem_to_be_missing(tmp_path: Path) -> None:
    text = '[cache]\nkeys = "short"\nredis.url = "redis://localhost"\n'
    (line,) = lines_of(text, tmp_path)
    assert line.startswith("cache.keys: must be a list; write, for example, ")
    text = f'[cache]\nkeys = ["{SECRET}"]\nredis.url = "localhost:6379"\n[ledger]\nstore = "redis"\n'
    (line,) = lines_of(text, tmp_path)
    assert line.startswith("cache.redis.url: must be a Redis URL")


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ('[upstream]\nurl = "localhost"\n[ledger]\nrequired = true\n', {"upstream.url", "ledger.required"}),
        (
            '[cache]\nmax_body = "8 MB"\n[server]\nmax_total_body = 2000000\n',
            {"cache.max_body", "server.max_total_body"},
        ),
        (
            '[upstream]\nurl = "localhost"\n[cache]\nprofile = "fast"\nredis.url = "redis://localhost"\n',
            {"upstream.url", "cache.profile", "cache"},
        ),
        ('[apps.a]\nuser_agent = 1\n[apps.b]\npurpose = "display"\n', {"apps.a.user_agent", "apps.b"}),
        ('[cache]\nredis = 1\n[ledger]\nstore = "redis"\n', {"cache.redis"}),
        (
            '[sql]\nmax_body = "8 MB"\n[server]\nmax_body = 400000000\n',
            {"sql.max_body", "server.max_total_body"},
        ),
        ('[[pauses.rules]]\nid = "a"\nscope = "site"\nseconds = 1\ncode = 1\n', {"pauses.rules.0.code"}),
    ],
)
def test_setting_of_equal_last_name_hides_no_fault(text: str, settings: set[str], tmp_path: Path) -> None:
    assert {line.partition(":")[0] for line in lines_of(text, tmp_path)} == settings


def test_valid_configuration_has_no_error_and_stays_as_it_is() -> None:
    values = {
        "log": {"level": "info"},
        "pauses": {"rules": [{"id": "a", "message_pattern": "x", "scope": "site", "seconds": 1}]},
    }
    copy = {**values}
    assert every_error(Settings.model_validate, values) == []
    assert values == copy


def test_items_of_a_list_are_left_out_from_the_last(tmp_path: Path) -> None:
    text = '[server]\ntrusted_proxies = ["x", "10.0.0.0/8", "y"]\nmax_total_body = 10\n'
    assert [line.partition(":")[0] for line in lines_of(text, tmp_path)] == [
        "server.trusted_proxies.0",
        "server.trusted_proxies.2",
        "server.max_total_body",
    ]


def test_rounds_are_limited() -> None:
    rounds: list[object] = []

    def refuse(values: object) -> None:
        rounds.append(values)
        Settings.model_validate({"log": {"level": str(len(rounds))}})

    nested = {"log": {"level": {str(number): number for number in range(50)}}}
    assert every_error(refuse, nested)
    assert len(rounds) <= 8
    with pytest.raises(ValidationError):
        refuse(nested)
