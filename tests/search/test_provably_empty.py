"""Searches whose date criteria no value can meet."""

import json

from support.requests import fhir_request

from gateway.repairs.search_date_format import rewrite_dates
from gateway.search.provably_empty import provably_empty_searchset


def test_entry_names_the_criterion_without_its_value() -> None:
    request = rewrite_dates(fhir_request("Patient", "birthdate=1980-01-01T00:00:00.000Z&name=a"))
    assert request.plan.split_searches == ()
    bundle = json.loads(provably_empty_searchset(request.plan.date_plans).body)
    (entry,) = bundle["entry"]
    (issue,) = entry["resource"]["issue"]
    assert (bundle["total"], entry["search"], issue["severity"]) == (0, {"mode": "outcome"}, "information")
    text = issue["details"]["text"]
    assert text.startswith("birthdate: No stored value")
    assert text.endswith("The gateway sent no query.")
    assert "1980" not in text
