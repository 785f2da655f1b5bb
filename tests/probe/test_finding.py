from gateway.probe.finding import Finding


def test_a_finding_is_certain_and_to_be_written_unless_said_otherwise() -> None:
    found = Finding("search", "supports_comma_or", True, "seen")
    assert found.is_certain
    assert not found.is_default
