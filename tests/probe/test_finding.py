"""Finding of a probe."""

from gateway.probe.finding import Finding


def test_finding_is_certain_by_default() -> None:
    assert Finding("search", "supports_comma_or", True, "reason").is_certain
