"""Findings about the precision of date columns."""

import pytest
from probe.probing import evidence_with, observation

from gateway.probe.columns import precision_findings


@pytest.mark.parametrize(
    ("resource_type", "element", "values", "precision", "is_certain"),
    [
        ("Condition", "recordedDate", ["2026-01-01", "2026-01-01T10:00:00Z"], "mixed-day", True),
        ("Condition", "recordedDate", ["2026-01", "2026-01-01T10:00:00.5Z"], "mixed-month", True),
        ("Condition", "recordedDate", ["2026-01-01T10:00:00.5Z", "2026-01-01T10:00:00Z"], "frac", True),
        ("Condition", "recordedDate", ["2026-01-01T10:00:00Z"], "second", False),
        ("Observation", "effectiveDateTime", ["2026-01-01T10:00:00.5Z"], "frac", False),
        ("Immunization", "occurrenceDateTime", ["2026-01-01"], "mixed-day", False),
    ],
)
def test_coarsest_sampled_precision_is_found(
    resource_type: str, element: str, values: list[str], precision: str, is_certain: bool
) -> None:
    records = [{"id": str(number), element: value} for number, value in enumerate(values)]
    [finding] = precision_findings(evidence_with(**{resource_type: records}))
    assert (finding.value, finding.is_certain) == (precision, is_certain)


def test_sampled_period_gives_no_precision() -> None:
    records = [observation("2026-01-01"), {"id": "2", "effectivePeriod": {"start": "2026"}}]
    assert list(precision_findings(evidence_with(Observation=records))) == []
    assert list(precision_findings(evidence_with())) == []
