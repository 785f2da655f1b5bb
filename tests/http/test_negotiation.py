"""Content negotiation."""

import pytest

from gateway.errors.failure import Failure
from gateway.http.negotiation import media_type, response_media_type


@pytest.mark.parametrize(
    ("formats", "accept", "expected"),
    [
        ((), "", "application/fhir+json"),
        ((), "*/*", "application/fhir+json"),
        ((), "application/json", "application/json"),
        ((), "application/fhir+xml, application/json;q=0.5", "application/json"),
        ((), "application/json;q=0.2, application/fhir+json;q=0.9", "application/fhir+json"),
        ((), "application/fhir+json; fhirVersion=4.0", "application/fhir+json"),
        (("json",), "application/xml", "application/fhir+json"),
        (("application/fhir json",), "", "application/fhir+json"),
        (("text/json",), "", "text/json"),
    ],
)
def test_json_is_accepted_in_any_spelling(formats: tuple[str, ...], accept: str, expected: str) -> None:
    assert response_media_type(formats, accept) == expected


@pytest.mark.parametrize(
    ("formats", "accept", "expression"),
    [
        (("xml",), "", "http._format"),
        ((), "application/fhir+xml", "http.Accept"),
        ((), "application/json;q=0", "http.Accept"),
        ((), "application/json;q=none", "http.Accept"),
    ],
)
def test_other_formats_are_rejected_with_406(formats: tuple[str, ...], accept: str, expression: str) -> None:
    with pytest.raises(Failure) as failure:
        response_media_type(formats, accept)
    assert (failure.value.kind.status, failure.value.expression) == (406, expression)


def test_media_type_has_no_parameters() -> None:
    assert media_type("Application/FHIR+json; charset=utf-8") == "application/fhir+json"
