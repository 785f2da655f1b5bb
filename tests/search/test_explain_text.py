"""Lines of an explanation."""

import pytest
from support.requests import SITE, fhir_request

from gateway.search.explain import explain_search


@pytest.mark.parametrize(
    ("path", "query", "line"),
    [
        ("Patient", "name=x", "No date criteria"),
        (
            "Appointment",
            "date=2026-04",
            "upstream: Appointment?date=ge2026-04-01T00:00:00&date=lt2026-05-01T00:00:00",
        ),
        ("Appointment", "date=ne2026-04", "cost: 2 upstream search(es)"),
        ("Encounter", "date=2026-04", "filter: yes"),
        ("Patient", "birthdate=gt2020&birthdate=lt2019", "Provably nothing matches"),
        ("Patient", "birthdate=2023-02-29", "rejected: birthdate: The value is not a valid date"),
    ],
)
def test_explanation_contains_the_plan(path: str, query: str, line: str) -> None:
    assert line in "\n".join(explain_search(fhir_request(path, query), SITE))
