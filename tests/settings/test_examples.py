"""Examples of values; `test_problems.py` shows that the example of every setting is valid."""

import pytest

from gateway.settings import Settings
from gateway.settings.examples import example_of


@pytest.mark.parametrize(
    ("name", "in_file", "in_environment"),
    [
        ("server.max_body", "2000000", "2000000"),
        ("log.level", '"info"', "info"),
        ("server.trusted_proxies", '["10.0.0.0/8"]', '["10.0.0.0/8"]'),
        ("server.trusted_proxies.0", '"10.0.0.0/8"', "10.0.0.0/8"),
        ("cors.origins", '["https://app.example.com.au"]', '["https://app.example.com.au"]'),
        ("cors.origins.0", '"https://app.example.com.au"', "https://app.example.com.au"),
        ("admin", '{ listen = "127.0.0.1:8081" }', '{"listen": "127.0.0.1:8081"}'),
        ("pauses.rules.0.seconds", "1.5", "1.5"),
        ("repairs", "{ link-base-url = false }", '{"link-base-url": false}'),
        ("admin.token", "what `halo-gateway keys new` prints", "what `halo-gateway keys new` prints"),
    ],
)
def test_example_is_written_as_its_place_needs_it(name: str, in_file: str, in_environment: str) -> None:
    segments = tuple(name.split("."))
    assert example_of(Settings, segments) == in_file
    assert example_of(Settings, segments, for_environment=True) == in_environment
