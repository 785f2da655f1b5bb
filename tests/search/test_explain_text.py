import pytest
from support.requests import SITE, fhir_request

from gateway.search.explain import explain_search


@pytest.mark.parametrize(
    ("path", "query", "says"),
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
        ("Patient", "birthdate=2023-02-29", "refused: birthdate: write dates as"),
    ],
)
def test_an_explanation_says_what_would_happen(path: str, query: str, says: str) -> None:
    assert says in "\n".join(explain_search(fhir_request(path, query), SITE))
