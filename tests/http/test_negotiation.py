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
def test_json_in_any_spelling_is_answered(formats: tuple[str, ...], accept: str, expected: str) -> None:
    assert response_media_type(formats, accept) == expected


@pytest.mark.parametrize(
    ("formats", "accept", "where"),
    [
        (("xml",), "", "http._format"),
        ((), "application/fhir+xml", "http.Accept"),
        ((), "application/json;q=0", "http.Accept"),
        ((), "application/json;q=none", "http.Accept"),
    ],
)
def test_anything_else_is_refused_by_the_name_of_its_place(
    formats: tuple[str, ...], accept: str, where: str
) -> None:
    with pytest.raises(Failure) as refused:
        response_media_type(formats, accept)
    assert (refused.value.kind.status, refused.value.expression) == (406, where)


def test_a_media_type_is_read_without_its_parameters() -> None:
    assert media_type("Application/FHIR+json; charset=utf-8") == "application/fhir+json"
