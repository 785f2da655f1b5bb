import pytest
from probe.probing import known, observation

from gateway.probe.columns import precision_findings


@pytest.mark.parametrize(
    ("kind", "element", "values", "precision", "certain"),
    [
        ("Condition", "recordedDate", ["2026-01-01", "2026-01-01T10:00:00Z"], "mixed-day", True),
        ("Condition", "recordedDate", ["2026-01", "2026-01-01T10:00:00.5Z"], "mixed-month", True),
        ("Condition", "recordedDate", ["2026-01-01T10:00:00.5Z", "2026-01-01T10:00:00Z"], "frac", True),
        ("Condition", "recordedDate", ["2026-01-01T10:00:00Z"], "second", False),
        ("Observation", "effectiveDateTime", ["2026-01-01T10:00:00.5Z"], "frac", False),
        ("Immunization", "occurrenceDateTime", ["2026-01-01"], "mixed-day", False),
    ],
)
def test_the_coarsest_value_seen_counts_and_only_its_existence_is_certain(
    kind: str, element: str, values: list[str], precision: str, certain: bool
) -> None:
    rows = [{"id": str(number), element: value} for number, value in enumerate(values)]
    [found] = precision_findings(known(**{kind: rows}))
    assert (found.value, found.is_certain) == (precision, certain)


def test_where_a_period_was_seen_nothing_is_suggested() -> None:
    rows = [observation("2026-01-01"), {"id": "2", "effectivePeriod": {"start": "2026"}}]
    assert list(precision_findings(known(Observation=rows))) == []
    assert list(precision_findings(known())) == []
