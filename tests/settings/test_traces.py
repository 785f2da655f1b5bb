"""Settings of OpenTelemetry traces."""

import pytest
from pydantic import ValidationError

from gateway.settings import Settings, Traces


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("https://collector.example/v1/traces", "https://collector.example/v1/traces"),
        ("https://collector.example/otlp/", "https://collector.example/otlp/"),
    ],
)
def test_endpoint_without_a_path_gets_that_of_otlp(endpoint: str, url: str) -> None:
    assert Traces.model_validate({"endpoint": endpoint}).url == url


def test_traces_are_off_by_default() -> None:
    assert Settings().traces.endpoint is None
    assert Settings().traces.propagate is False


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"propagate": True}, "traces.endpoint"),
        ({"sample_ratio": 1.5}, "less than or equal to 1"),
        ({"sample_ratio": -0.1}, "greater than or equal to 0"),
        ({"sample_ratio": True}, "number"),
        ({"endpoint": "http://user:Zzyzx@collector:4318"}, "no user, password"),
        ({"endpoint": "collector:4318"}, "URL"),
    ],
)
def test_impossible_values_are_refused(values: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Traces.model_validate(values)
