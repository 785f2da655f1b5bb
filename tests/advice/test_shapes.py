"""Shapes of requests: names without values."""

import pytest
from support.requests import fhir_request

from gateway.advice.shapes import criteria_text, shape_of


@pytest.mark.parametrize(
    ("query", "shape"),
    [
        ("", "GET Observation"),
        ("patient=Zzyzx&category=vital-signs", "GET Observation?category&patient"),
        ("date=ge2026-01-01&date=lt2026-02-01&patient=1", "GET Observation?date(ge,lt)&patient"),
        ("date=2026-01-01", "GET Observation?date"),
        ("date=geZzyzx", "GET Observation?date(ge)"),
        ("_count=50", "GET Observation?_count=50"),
        ("_count=050", "GET Observation?_count=50"),
        ("_count=123456", "GET Observation?_count"),
        ("_count=Zzyzx", "GET Observation?_count"),
        ("Zzyzx=1&code=Zzyzx", "GET Observation?code&other"),
        ("_lastUpdated=ge2026-01-01", "GET Observation?_lastUpdated(ge)"),
        ("_page=Zzyzx", "GET Observation (next page)"),
    ],
)
def test_shape_has_names_without_values(query: str, shape: str) -> None:
    assert shape_of(fhir_request("Observation", query)) == shape


def test_shape_of_a_read_has_no_id() -> None:
    assert shape_of(fhir_request("Patient/Zzyzx")) == "GET Patient/{id}"


@pytest.mark.parametrize(
    ("left", "right", "is_same"),
    [
        ("patient=1&code=a", "code=a&patient=Patient/1", True),
        ("patient=1&_count=5", "patient=1&_count=50", True),
        ("patient=1", "patient=2", False),
        ("patient=1", "patient=1&_include=Observation:patient", False),
        ("date=ge2026-01-01", "date=ge2026-01-02", False),
    ],
)
def test_criteria_text_is_equal_for_the_same_matches(left: str, right: str, *, is_same: bool) -> None:
    texts = [
        criteria_text(fhir_request("Observation", query).client_search, "Observation")
        for query in (left, right)
    ]
    assert (texts[0] == texts[1]) is is_same


def test_criteria_without_dates_are_equal_for_other_dates_only() -> None:
    def frame(query: str) -> str:
        return criteria_text(fhir_request("Slot", query).client_search, "Slot", with_dates=False)

    assert frame("start=ge2026-01-01&schedule=1") == frame("start=ge2026-01-08&schedule=1")
    assert frame("start=ge2026-01-01&schedule=1") != frame("start=ge2026-01-08&schedule=2")
