"""Finding of a probe."""

from gateway.probe.finding import Finding


def test_finding_is_certain_and_not_default_by_default() -> None:
    finding = Finding("search", "supports_comma_or", True, "reason")
    assert finding.is_certain
    assert not finding.is_default
