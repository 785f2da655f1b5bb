"""Settings of CORS: origins, and what is said about a wrong one."""

from pathlib import Path

import pytest

from gateway.settings import ConfigurationError, Cors, load

EXAMPLE = "https://app.example.com.au"


def message_for(tmp_path: Path, toml: str) -> str:
    file = tmp_path / "gateway.toml"
    file.write_text(f"[cors]\n{toml}\n")
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    return str(caught.value)


def test_no_origin_is_listed_by_default() -> None:
    assert Cors() == Cors(origins=(), subscription_key=False, max_age=7_200)


def test_origins_are_written_as_browsers_write_them() -> None:
    origins = ["HTTPS://App.Example.com.au:443", EXAMPLE, "http://localhost:3000"]
    assert Cors.model_validate({"origins": origins}).origins == (EXAMPLE, "http://localhost:3000")
    assert Cors.model_validate({"origins": ["*", "*"]}).origins == ("*",)


@pytest.mark.parametrize(
    ("origins", "name", "text"),
    [
        ('["null"]', "cors.origins.0", "null is the origin of local files and sandboxed frames"),
        ('["Null "]', "cors.origins.0", "null is the origin of local files and sandboxed frames"),
        ('["https://*.example.com"]', "cors.origins.0", "has no patterns: list each origin"),
        (
            f'["{EXAMPLE}", "{EXAMPLE}/Zzyzx"]',
            "cors.origins.1",
            "must be scheme, host and, if it has one, port",
        ),
        (f'["{EXAMPLE}/"]', "cors.origins.0", "without a path or a slash at the end"),
        ('["app.example.com.au"]', "cors.origins.0", f"such as {EXAMPLE}"),
        ('["file://app"]', "cors.origins.0", f"such as {EXAMPLE}"),
        ('["https://例え.example"]', "cors.origins.0", "in its ASCII form, xn--…"),
        (f'["*", "{EXAMPLE}"]', "cors.origins", 'write ["*"] alone'),
        ('"*"', "cors.origins", f'must be a list; write, for example, ["{EXAMPLE}"]'),
        ("[1]", "cors.origins.0", "must be a string in quotes"),
    ],
)
def test_wrong_origin_is_explained_without_its_value(
    tmp_path: Path, origins: str, name: str, text: str
) -> None:
    message = message_for(tmp_path, f"origins = {origins}")
    assert message.startswith(f"{name}: ")
    assert text in message
    assert "\n" not in message
    assert "Zzyzx" not in message


def test_wrong_origin_hides_no_rule_of_the_list(tmp_path: Path) -> None:
    message = message_for(tmp_path, 'origins = ["*", "null", []]')
    assert [line.partition(": ")[0] for line in message.splitlines()] == [
        "cors.origins",
        "cors.origins.1",
        "cors.origins.2",
    ]


@pytest.mark.parametrize("seconds", [-1, 7_201])
def test_time_beyond_what_browsers_keep_is_refused(tmp_path: Path, seconds: int) -> None:
    assert message_for(tmp_path, f"max_age = {seconds}").startswith("cors.max_age: must be at ")
